"""Which weights of a tower learn: all, the last blocks, low-rank adapters, the head. Floor: towers; for the run.

The trainer optimises what requires a gradient and knows nothing of this. The head always learns. What
does not learn stays in evaluation mode (`Tower.learning`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from binder.config import LoraConfig
from binder.errors import ConfigError
from binder.towers.tower import Tower

ADAPTED = (nn.Linear, nn.MultiheadAttention, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def choose_trained(tower: Tower, trained: str, *, lora: LoraConfig, seed: int) -> None:
    """Let the weights that `trained` names learn and freeze the others, in place.

    Args:
        tower: as it was built.
        trained: `full`, `head`, `last:N` (the last N blocks, see `find_blocks`) or `lora`.
        lora: the adapters.
        seed: of the adapters' first weights; at the start they change no vector.

    Raises:
        ConfigError: no blocks, fewer than N, no layer that can be adapted, or peft is not installed.
    """
    if trained == "full":
        return
    tower.encoder.requires_grad_(False)
    if trained == "head":
        tower.learning = ()
    elif trained == "lora":
        tower.learning = _add_adapters(tower, lora, seed)
    else:
        tower.learning = _unfreeze_last(tower, int(trained.removeprefix("last:")))


def merge_adapters(tower: Tower) -> None:
    """Fold LoRA updates into the weights they adapt, so that loading needs no peft; others are left as they are."""
    for _, layer in _adapters(tower.encoder):
        if not layer.merged:  # attention layers merge the projection inside them
            layer.merge(safe_merge=True)
    while found := next(_adapters(tower.encoder), None):
        path, layer = found
        tower.learning = ()  # the paths it named were inside the adapters
        tower.encoder.set_submodule(path, layer.get_base_layer())


def count_weights(tower: Tower) -> tuple[int, int]:
    """Numbers of weights that learn, and of all weights."""
    sizes = [(weight.numel(), weight.requires_grad) for weight in tower.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)


def find_blocks(encoder: nn.Module) -> list[str]:
    """Paths of the blocks that `last:N` counts, first to last.

    They are the items of every attribute `blocks`, as timm names them (a transformer has one, a network in stages
    one per stage). Where there is none, they are all modules of one class: the class with the most items in
    lists (`ModuleList`, `Sequential`) that hold nothing else; so transformer layers and the residual blocks of
    other networks. Single layers and fewer than two items are no blocks.
    """
    paths = {module: path for path, module in encoder.named_modules()}
    lists = (getattr(module, "blocks", None) for module in encoder.modules())
    named = [paths[block] for blocks in lists if isinstance(blocks, Iterable) for block in blocks]
    if named:
        return named
    counts = Counter(kind for module in encoder.modules() for kind in _items_of_one_class(module))
    kind, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
    return [path for path, module in encoder.named_modules() if type(module) is kind] if count > 1 else []


def _items_of_one_class(module: nn.Module) -> list[type[nn.Module]]:
    """The class of a list's items, once per item; empty where they differ or are single layers."""
    if not isinstance(module, nn.ModuleList | nn.Sequential):
        return []
    kinds = [type(item) for item in module]
    return kinds if len(set(kinds)) == 1 and any(True for _ in module[0].children()) else []


def _unfreeze_last(tower: Tower, count: int) -> tuple[str, ...]:
    blocks = find_blocks(tower.encoder)
    if count > len(blocks):
        raise ConfigError.explain(
            f"trained: last:{count} does not fit the encoder of {tower.spec.name}",
            got=f"{type(tower.encoder).__name__} with {len(blocks)} blocks",
            choices=["full", "head", "lora", *(f"last:{number}" for number in range(1, len(blocks) + 1))],
        )
    for path in blocks[-count:]:
        tower.encoder.get_submodule(path).requires_grad_(True)
    return tuple(blocks[-count:])


def _add_adapters(tower: Tower, lora: LoraConfig, seed: int) -> tuple[str, ...]:
    try:
        from peft import LoraConfig as Settings
        from peft import inject_adapter_in_model
    except ImportError as error:
        raise ConfigError.explain(
            "trained: lora needs peft", got=str(error), fix='pip install "hub-binder[lora]"'
        ) from error
    layers = list(_adaptable(tower.encoder))
    chosen = [path for path in layers if lora.targets is None or path.endswith(tuple(lora.targets))]
    if not chosen:
        what = f"trained: lora finds no layer in the encoder of {tower.spec.name}"
        raise ConfigError.explain(what, got=lora.targets, choices=layers)
    if lora.dropout and any(isinstance(tower.encoder.get_submodule(path), nn.MultiheadAttention) for path in chosen):
        raise ConfigError.explain(
            f"trained: lora does not fit the encoder of {tower.spec.name}",
            got=f"dropout {lora.dropout} before attention layers, which peft leaves out",
            fix="set lora.dropout: 0, or choose lora.targets without attention layers",
        )
    settings = Settings(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=chosen)  # pyright: ignore
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(settings, tower.encoder)
    for path, weight in tower.encoder.named_parameters():
        weight.requires_grad_("lora_" in path)
    return tuple(path for path, _ in tower.encoder.named_modules() if path.endswith("lora_dropout.default"))


def _adaptable(encoder: nn.Module) -> Iterator[str]:
    """Paths of the layers that peft can adapt.

    The projection inside an attention layer belongs to that layer. Convolutions in groups, with dilation or
    with another padding than zeros are left alone: peft's updates are plain convolutions.
    """
    inside: tuple[str, ...] = ()
    for path, module in encoder.named_modules():
        plain = not isinstance(module, _ConvNd) or (
            module.groups == 1 and set(module.dilation) == {1} and module.padding_mode == "zeros"
        )
        if type(module) in ADAPTED and plain and not path.startswith(inside):
            yield path
        if isinstance(module, nn.MultiheadAttention):
            inside += (f"{path}.",)


def _adapters(encoder: nn.Module) -> Iterator[tuple[str, Any]]:
    """Adapted layers, outermost first."""
    for path, module in encoder.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "get_base_layer"):
            yield path, module
