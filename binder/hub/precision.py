"""What a frozen hub computes in: float32, or bfloat16 where it is faster and agrees. Floor: hub; used by `protocol`.

The weights themselves are cast. Autocast over frozen weights casts them anew in every forward, because
torch caches casts only of weights that require a gradient.
"""

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from binder.config.data import Precision
from binder.errors import HubError
from binder.modality import ModalitySpec
from binder.types import Sample

logger = logging.getLogger("binder.hub")

# `auto` is a function of weights and hardware alone, never of a clock or of the data at hand: a cache must
# be found again, and one picture must not have two vectors.
MIN_COSINE = 0.999
MIN_PARAMETERS = 50_000_000  # below, a forward is fast already and casts and small products eat the gain
_NUM_SAMPLES = 4


def has_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 matrices in units of its own: AMX tiles of a CPU, or a CUDA device's."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()  # no public name in all versions we support


def probe_samples(spec: ModalitySpec) -> list[Sample]:
    """The fixed samples that both precisions are compared on."""
    return [spec.load(spec.synthetic(seed)) for seed in range(_NUM_SAMPLES)]


def worth_casting(name: str, model: nn.Module, precision: Precision, device: torch.device) -> bool:
    """Whether to cast at all: as asked, or for `auto` where the device and the size of the model promise a gain."""
    if precision != "auto":
        return precision == "bfloat16"
    count = sum(weight.numel() for weight in model.parameters())
    obstacle = None
    if not has_bfloat16(device):
        obstacle = f"this {device.type} has no matrix units for bfloat16"
    elif count < MIN_PARAMETERS:
        obstacle = f"{count:,} weights are fewer than {MIN_PARAMETERS:,}"
    if obstacle is not None:
        logger.info("%s computes in float32: %s", name, obstacle)
    return obstacle is None


def cast_if_equal(name: str, model: nn.Module, probe: Callable[[], Tensor]) -> bool:
    """Cast the weights to bfloat16; where the vectors then differ too much, put them back and log why.

    Args:
        name: of the hub, for the log.
        model: float32.
        probe: embeds fixed samples of every native modality with the model as it is; unit vectors.

    Returns:
        Whether the model now computes in bfloat16.
    """
    reference = probe()
    originals = [tensor.detach() for tensor in _tensors(model)]  # casting makes new storage: these keep the old
    model.to(torch.bfloat16)
    try:
        worst = float((probe() * reference).sum(dim=-1).min())
        fault = None if worst >= MIN_COSINE else f"in bfloat16 its cosine to float32 falls to {worst:.5f}"
    except (RuntimeError, HubError) as error:  # an operation without bfloat16, inputs left in float32, NaN
        fault = f"it does not run in bfloat16 ({type(error).__name__}: {error})"
    if fault is None:
        logger.info("%s computes in bfloat16", name)
        return True
    for tensor, original in zip(_tensors(model), originals, strict=True):
        tensor.data = original
    logger.warning("%s computes in float32: %s", name, fault)
    return False


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()


def place(inputs: Tensor, model: nn.Module) -> Tensor:
    """Inputs where the model is, floats in the type of its weights."""
    weight = next(model.parameters())
    return inputs.to(weight.device, weight.dtype if inputs.is_floating_point() else None)
