"""The checks that need a tower: encoder, determinism, unit norm, batch and padding, types, gradients, frozen hub."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from binder.check.lines import NamedCheck, require
from binder.errors import SampleError
from binder.hub.protocol import FrozenHub
from binder.modality import ModalitySpec
from binder.towers.tower import Tower, build_tower
from binder.types import Batch, Sample

DIM = 32
NUM_SAMPLES = 5
NORM_TOLERANCE = 1e-5  # float32 squares of DIM numbers
# Kernels add in another order for another batch size; a vector that mixes with its neighbours is off by 1e-2 and more.
BATCH_TOLERANCE = 1e-5
# bfloat16 has 8 bits: towers of a few layers lose about 1e-3 of their cosine; one that overflows loses all of it.
CAST_COSINE = 0.98
SHARES = (0.4, 0.7, 1.0, 1.3, 2.0)  # lengths of the samples that are padded, in synthetic ones


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


def _check_deterministic(spec: ModalitySpec) -> str:
    """One seed, one tower; and from source to vector nothing depends on the state of the world."""
    first, second = build_tower(spec, DIM), build_tower(spec, DIM)
    weights = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    require(all(torch.equal(*pair) for pair in weights), "built twice with one seed, the weights differ")
    vectors = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vectors.append(_encode(first, _batch(spec)[0]))
    require(torch.equal(*vectors), "the same samples gave two vectors")
    return "built twice and encoded twice: the same bits"


def _check_batch_and_padding(spec: ModalitySpec) -> str:
    batch, tensors = _batch(spec, _uneven(spec))
    tower = build_tower(spec, DIM)
    together = _encode(tower, batch)
    alone = torch.cat([_encode(tower, spec.collate([tensor])) for tensor in tensors])
    reversed_order = _encode(tower, spec.collate(tensors[::-1])).flip(0)
    error = float(torch.maximum((together - alone).abs(), (together - reversed_order).abs()).max())
    require(error <= BATCH_TOLERANCE, f"vectors move by {error:.2g} with their batch, allowed {BATCH_TOLERANCE:g}")
    shapes = {tuple(tensor.shape) for tensor in tensors}
    told = f"{len(shapes)} lengths padded" if len(shapes) > 1 else "nothing is padded"
    return f"alone, in a batch, in another order: within {error:.1g} (allowed {BATCH_TOLERANCE:g}); {told}"


def _check_types(spec: ModalitySpec) -> str:
    """Whatever the encoder makes, it makes in the type and on the device of its input.

    The device `meta` has shapes and no numbers: a tensor that a forward makes elsewhere meets it in an error, as it
    would on an accelerator that this machine may not have.
    """
    batch, _ = _batch(spec)
    tower = build_tower(spec, DIM)
    plain = _encode(tower, batch)
    require(plain.dtype == torch.float32, f"got {plain.dtype}, expected float32")
    with torch.autocast("cpu", torch.bfloat16):
        cast = _encode(tower, batch)
    require(cast.dtype == torch.float32, f"with bfloat16 inside: got {cast.dtype}, expected float32")
    cosine = float((plain * cast).sum(-1).min())
    require(cosine >= CAST_COSINE, f"bfloat16 inside: cosine {cosine:.3f} to float32, expected {CAST_COSINE:g}")
    devices = ", ".join(_runs_on(spec, batch, device) for device in _devices())
    return f"float32, also with bfloat16 inside (cosine {cosine:.5f}); cpu, {devices}"


def _devices() -> list[torch.device]:
    found = torch.accelerator.current_accelerator(check_available=True)
    return [torch.device("meta"), *([found] if found is not None else [])]


def _runs_on(spec: ModalitySpec, batch: Batch, device: torch.device) -> str:
    tower = build_tower(spec, DIM).to(device)
    try:
        vectors = _encode(tower, _to(batch, device))
    except NotImplementedError:  # shapes that depend on values, such as where a mask is set
        require(device.type == "meta", f"cannot run on {device}")
        return "meta not tried: its shapes depend on values"
    require(vectors.device.type == device.type, f"input on {device}, vectors on {vectors.device}")
    return str(device)


def _check_gradient(spec: ModalitySpec) -> str:
    batch, _ = _batch(spec)
    tower = build_tower(spec, DIM)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (tower(batch) * torch.randn(NUM_SAMPLES, DIM)).sum().backward()
    idle = [name for name, weight in tower.encoder.named_parameters() if weight.grad is None or not weight.grad.any()]
    require(not idle, f"no gradient in {len(idle)} weight(s): {', '.join(idle)}")
    return f"reaches all {len(list(tower.encoder.parameters()))} weights of the encoder"


def _check_hub_drift(spec: ModalitySpec) -> str:
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
    ("deterministic", _check_deterministic),
    ("unit norm", _check_unit_norm),
    ("batch and padding", _check_batch_and_padding),
    ("dtype and device", _check_types),
    ("gradient", _check_gradient),
    ("hub drift", _check_hub_drift),
)


def _batch(spec: ModalitySpec, samples: Sequence[Sample] | None = None) -> tuple[Batch, list[Tensor]]:
    given = [spec.load(spec.synthetic(seed)) for seed in range(NUM_SAMPLES)] if samples is None else samples
    tensors = [spec.transform(sample) for sample in given]
    return spec.collate(tensors), tensors


def _uneven(spec: ModalitySpec) -> list[Sample]:
    """Synthetic samples, cut or repeated along their first axis to several lengths where the contract allows it."""
    samples = [spec.load(spec.synthetic(seed)) for seed in range(NUM_SAMPLES)]
    try:
        return [spec.load(_resize(sample, share)) for sample, share in zip(samples, SHARES, strict=True)]
    except SampleError:  # one length only
        return samples


def _resize(sample: Sample, share: float) -> Sample:
    if isinstance(sample, str):  # synthetic texts are of several lengths as they are
        return sample
    return np.resize(sample, (max(1, round(share * len(sample))), *sample.shape[1:]))


def _to(batch: Batch, device: torch.device) -> Batch:
    if isinstance(batch, dict):
        return {name: part.to(device) for name, part in batch.items()}
    return batch.to(device)


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
