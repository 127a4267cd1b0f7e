"""Hubs: frozen embedders that define a space. Floor: hub; may import data and foundations.

`open_hub("open_clip:ViT-B-32/laion2b_s34b_b79k")` finds the adapter by its scheme (entry-point group
`binder.hubs`). To add an adapter: subclass `FrozenHub` in a module of its own and register it.
"""

import inspect
from typing import Any

from binder.config.data import Precision
from binder.errors import HubError
from binder.hub.protocol import FrozenHub, Hub
from binder.registry import hub_adapter

__all__ = ["FrozenHub", "Hub", "open_hub"]


def open_hub(name: str, *, precision: Precision = "auto", **options: Any) -> Hub:
    """Load a hub.

    Args:
        name: SCHEME:MODEL.
        precision: what it computes in. `auto` is decided at first use by the device, the size of the hub and a
            comparison on fixed samples (`binder.hub.precision`); the fingerprint does not depend on it.
        options: for the adapter.

    Raises:
        RegistryError: unknown scheme.
        HubError: no scheme, the model cannot be loaded, or it cannot compute in `precision`.
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
    hub = adapter(model, **options)
    if isinstance(hub, FrozenHub):
        return hub.ask_precision(precision)
    if precision not in ("auto", hub.precision):
        raise HubError.explain(f"{name} chooses its precision itself", got=precision, expected=hub.precision)
    return hub
