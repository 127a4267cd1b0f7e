"""Hubs: frozen embedders that define a space. Floor: hub; may import data and foundations.

`open_hub("open_clip:ViT-B-32/laion2b_s34b_b79k")` finds the adapter by its scheme (entry-point group
`binder.hubs`). To add an adapter: subclass `FrozenHub` in a module of its own and register it.
"""

import inspect
from typing import Any

from binder.errors import HubError
from binder.hub.protocol import FrozenHub, Hub
from binder.registry import hub_adapter

__all__ = ["FrozenHub", "Hub", "open_hub"]


def open_hub(name: str, **options: Any) -> Hub:
    """Load the hub `name`, written SCHEME:MODEL; `options` go to the adapter.

    Raises:
        RegistryError: unknown scheme.
        HubError: no scheme, or the model cannot be loaded.
    """
    scheme, separator, model = name.partition(":")
    if not separator or not model:
        raise HubError.explain(
            "hub name without a model",
            got=repr(name),
            expected="SCHEME:MODEL, e.g. open_clip:ViT-B-32/laion2b_s34b_b79k",
        )
    adapter = hub_adapter(scheme)
    try:
        inspect.signature(adapter).bind(model, **options)
    except TypeError as error:
        raise HubError.explain(
            f"hub {name} refuses its options", got=f"{options} ({error})", fix="see hub.options"
        ) from None
    return adapter(model, **options)
