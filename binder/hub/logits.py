"""A model's own temperature and bias, kept apart from its vectors. Floor: hub; read by the adapters.

Vectors of a hub are of length 1, whatever the model multiplies its cosines by before a softmax or a sigmoid.
Libraries keep that number under several names: as its logarithm, as its inverse or as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Logits:
    """What a model's training multiplied its cosines by, and added: logit = scale * cosine + bias.

    Attributes:
        scale: 1 / temperature, above 0; None where the model has none.
        bias: of a sigmoid loss; None where there is none.
    """

    scale: float | None = None
    bias: float | None = None


NO_LOGITS = Logits()

_SCALES: dict[str, Callable[[Tensor], Tensor]] = {
    "logit_scale": lambda held: held.exp(),
    # CLAP has one for each direction; its zero-shot classification reads that of sounds against texts
    "logit_scale_a": lambda held: held.exp(),
    "temperature": lambda held: 1 / held,  # ALIGN divides by it
    "text_audio_video_logit_scale": lambda held: held,  # PE-AV and its parts
    "text_audio_logit_scale": lambda held: held,
    "text_video_logit_scale": lambda held: held,
}


def read_logits(network: nn.Module) -> Logits:
    """The scale and bias that a loaded model keeps among its own parameters."""
    parameters = {name: held.detach() for name, held in network.named_parameters(recurse=False)}
    name = next((name for name in _SCALES if name in parameters), None)
    if name is None:
        return NO_LOGITS
    bias = parameters.get("logit_bias", parameters.get(name.replace("scale", "bias")) if "scale" in name else None)
    scale = _SCALES[name](parameters[name].double())
    return Logits(scale=float(scale), bias=None if bias is None else float(bias))
