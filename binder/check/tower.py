"""The checks that need a tower: encoder, unit norm, batch invariance, gradients, frozen hub."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from binder.check.lines import NamedCheck, require
from binder.hub.protocol import FrozenHub
from binder.modality import ModalitySpec
from binder.towers.tower import Tower, build_tower
from binder.types import Batch, Sample

DIM = 32
NUM_SAMPLES = 5
NORM_TOLERANCE = 1e-5  # float32 squares of DIM numbers
# Kernels add in another order for another batch size; a vector that mixes with its neighbours is off by 1e-2 and more.
BATCH_TOLERANCE = 1e-5


def _check_encoder(spec: ModalitySpec) -> str:
    encoder = spec.encoder().eval()
    batch, _ = _batch(spec)
    with torch.no_grad():
        features = encoder(batch)
    width = getattr(encoder, "width", None)
    require(features.shape == (NUM_SAMPLES, width), f"got {tuple(features.shape)}, expected (n, width = {width})")
    require(bool(torch.isfinite(features).all()), "NaN or infinite features")
    norms = [name for name, module in encoder.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    require(not norms, f"batch norm mixes samples: {', '.join(norms)}; use group or layer norm")
    num_weights = sum(weight.numel() for weight in encoder.parameters())
    return f"{width} features, {num_weights:,} weights, no batch norm"


def _check_unit_norm(spec: ModalitySpec) -> str:
    batch, _ = _batch(spec)
    vectors = _encode(build_tower(spec, DIM), batch)
    error = float((vectors.norm(dim=-1) - 1).abs().max())
    require(error <= NORM_TOLERANCE, f"norms off by up to {error:.2g}, allowed {NORM_TOLERANCE:g}")
    return f"norms off by at most {error:.1g}"


def _check_batch_invariance(spec: ModalitySpec) -> str:
    batch, tensors = _batch(spec)
    tower = build_tower(spec, DIM)
    together = _encode(tower, batch)
    alone = torch.cat([_encode(tower, spec.collate([tensor])) for tensor in tensors])
    reversed_order = _encode(tower, spec.collate(tensors[::-1])).flip(0)
    error = float(torch.maximum((together - alone).abs(), (together - reversed_order).abs()).max())
    require(error <= BATCH_TOLERANCE, f"vectors move by {error:.2g} with their batch, allowed {BATCH_TOLERANCE:g}")
    lengths = {len(tensor) for tensor in tensors}
    padded = (
        f", lengths {min(lengths)} to {max(lengths)} padded" if isinstance(batch, dict) and len(lengths) > 1 else ""
    )
    return f"alone, in a batch and in another order: within {error:.1g} (allowed {BATCH_TOLERANCE:g}){padded}"


def _check_gradient(spec: ModalitySpec) -> str:
    batch, _ = _batch(spec)
    tower = build_tower(spec, DIM)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (tower(batch) * torch.randn(NUM_SAMPLES, DIM)).sum().backward()
    idle = [name for name, weight in tower.encoder.named_parameters() if weight.grad is None or not weight.grad.any()]
    require(not idle, f"no gradient in {len(idle)} weight(s): {', '.join(idle)}")
    return f"reaches all {len(list(tower.encoder.parameters()))} weights of the encoder"


def _check_hub_untouched(spec: ModalitySpec) -> str:
    """Take one training step against a stand-in hub: the tower moves, the hub does not."""
    batch, _ = _batch(spec)
    tower, hub = build_tower(spec, DIM), _StandInHub()
    targets = hub.embed("text", [f"caption {index}" for index in range(NUM_SAMPLES)])
    before = [weight.detach().clone() for weight in tower.parameters()]
    optimizer = torch.optim.AdamW(tower.parameters(), lr=1e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = nn.functional.cross_entropy(tower(batch) @ targets.T / 0.07, torch.arange(NUM_SAMPLES))
    loss.backward()
    optimizer.step()
    hub.check_frozen()
    moved = sum(not torch.equal(old, new) for old, new in zip(before, tower.parameters(), strict=True))
    require(moved == len(before), f"one step moved {moved} of {len(before)} weights")
    return f"one step moved all {moved} weights of the tower and none of the hub"


TOWER_CHECKS: tuple[NamedCheck[ModalitySpec], ...] = (
    ("encoder", _check_encoder),
    ("unit norm", _check_unit_norm),
    ("batch invariance", _check_batch_invariance),
    ("gradient", _check_gradient),
    ("hub untouched", _check_hub_untouched),
)


def _batch(spec: ModalitySpec) -> tuple[Batch, list[Tensor]]:
    tensors = [spec.transform(spec.load(spec.synthetic(seed))) for seed in range(NUM_SAMPLES)]
    return spec.collate(tensors), tensors


@torch.inference_mode()
def _encode(tower: Tower, batch: Batch) -> Tensor:
    return tower.eval()(batch)


class _StandInHub(FrozenHub):
    """Embeds a text by its letters: the smallest hub that obeys the protocol."""

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Linear(256, DIM)
        super().__init__("check:stand-in", model, native=("text",), dim=DIM, preprocessing={"letters": 256})

    def _forward(self, modality: str, samples: Sequence[Sample]) -> Tensor:
        del modality
        counts = torch.zeros(len(samples), 256)
        for row, text in enumerate(samples):
            assert isinstance(text, str)
            counts[row] = torch.bincount(torch.tensor(list(text.encode())), minlength=256)
        return self._model(counts)
