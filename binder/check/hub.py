"""What every hub must keep, checked on synthetic samples of its native modalities."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from binder.check.bad_inputs import KINDS, check_bad_inputs
from binder.check.lines import CheckLine, NamedCheck, require, run_checks
from binder.check.modality import copy_sample, same_sample
from binder.check.throughput import measure_hub
from binder.errors import BinderError, HubError
from binder.hub import open_hub
from binder.hub.protocol import Hub
from binder.types import Sample

NUM_SAMPLES = 5
NORM_TOLERANCE = 1e-5  # float32 squares of up to some thousand numbers
# Large models add in another order for another batch size; a wrong mask or a batch norm is off by 1e-2 and more.
BATCH_TOLERANCE = 1e-4


def check_hub(hub: Hub) -> list[CheckLine]:
    """Check every promise of the `Hub` protocol; embeds a few samples per native modality."""
    return run_checks(hub, CHECKS)


def _check_vectors(hub: Hub) -> str:
    for modality, samples in _native_samples(hub).items():
        before = [copy_sample(sample) for sample in samples]
        vectors = hub.embed(modality, samples)
        expected = (len(samples), hub.dim)
        require(vectors.shape == expected, f"{modality}: got {tuple(vectors.shape)}, expected {expected}")
        require(all(map(same_sample, samples, before)), f"{modality}: a sample was changed in place")
        require(float((vectors[0] - vectors[1]).abs().max()) > 0, f"{modality}: two samples got one vector")
        require(hub.embed(modality, []).shape == (0, hub.dim), f"{modality}: no samples should give (0, {hub.dim})")
    return f"{hub.dim} wide, for {', '.join(hub.native)}"


def _check_unit_norm(hub: Hub) -> str:
    error = max(float((vectors.norm(dim=-1) - 1).abs().max()) for vectors in _embed_all(hub).values())
    require(error <= NORM_TOLERANCE, f"norms off by up to {error:.2g}, allowed {NORM_TOLERANCE:g}")
    return f"norms off by at most {error:.1g}"


def _check_deterministic(hub: Hub) -> str:
    first, second = _embed_all(hub), _embed_all(hub)
    for modality, vectors in first.items():
        require(torch.equal(vectors, second[modality]), f"{modality}: two calls differ")
    return "two calls give the same bits"


def _check_batch_and_padding(hub: Hub) -> str:
    worst = 0.0
    for modality, samples in _native_samples(hub).items():
        together = hub.embed(modality, samples)
        alone = torch.cat([hub.embed(modality, [sample]) for sample in samples])
        worst = max(worst, float((together - alone).abs().max()))
    require(worst <= BATCH_TOLERANCE, f"vectors move by {worst:.2g} with their batch, allowed {BATCH_TOLERANCE:g}")
    return f"alone and in a batch: within {worst:.1g} (allowed {BATCH_TOLERANCE:g})"


def _check_types(hub: Hub) -> str:
    """Vectors are float32 on the CPU wherever the hub computes, and a device that is not there is refused."""
    found = torch.accelerator.current_accelerator(check_available=True)
    devices = ["cpu"] if found is None else [str(found), "cpu"]  # the hub ends where it began
    for device in devices:
        for modality, vectors in _embed_all(hub.to(device)).items():
            require(
                vectors.dtype == torch.float32 and vectors.device.type == "cpu",
                f"{modality}: got {vectors.dtype} on {vectors.device}, expected float32 on the CPU",
            )
    try:
        hub.to("no-such-device")
    except BinderError:
        return f"float32 on the CPU; computes on {', '.join(sorted(devices))}, in {hub.precision}"
    require(False, "a device that is not there was accepted")
    raise AssertionError("unreachable")


def _check_gradient(hub: Hub) -> str:
    """A tower learns from its vectors; none of the gradient goes into the hub."""
    for modality, targets in _embed_all(hub).items():
        require(not targets.requires_grad, f"{modality}: the vectors carry a gradient")
        require(not targets.is_inference(), f"{modality}: inference tensors cannot enter a loss; use torch.no_grad")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            learned = torch.randn(len(targets), hub.dim, requires_grad=True)
        nn.functional.cross_entropy(learned @ targets.T / 0.07, torch.arange(len(targets))).backward()
        gradient = learned.grad
        require(
            gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any(-1).all()),
            f"{modality}: no gradient, or one that is not finite",
        )
    return "of a contrastive loss reaches a tower's vectors, and ends at the hub's"


def _check_foreign(hub: Hub) -> str:
    try:
        hub.embed("no_such_modality", [np.zeros((1, 1), np.float32)])
    except HubError as error:
        require(all(name in str(error) for name in hub.native), f"the error does not name {hub.native}: {error}")
        return "a foreign modality is refused, the native ones are named"
    require(False, "a foreign modality was embedded")
    raise AssertionError("unreachable")


def _check_hub_drift(hub: Hub) -> str:
    before = hub.fingerprint
    _embed_all(hub)
    hub.check_frozen()
    require(hub.fingerprint == before, "the fingerprint changed by embedding")
    return "no trainable weight, none changed by embedding"


def _check_bad_samples(hub: Hub) -> str:
    """What no modality would have read, handed straight to the hub."""
    failures, tried = [], 0
    for modality, samples in _native_samples(hub).items():
        for name, sample in _bad_samples(samples[0]):
            tried += 1
            try:
                hub.embed(modality, [sample])
            except BinderError:
                continue
            except Exception as error:  # whatever else comes through is the finding
                failures.append(f"{modality}: {name}: {type(error).__name__} instead of HubError")
            else:
                failures.append(f"{modality}: {name}: embedded")
    require(not failures, f"{len(failures)} of {tried}: " + "; ".join(failures))
    return f"{tried} samples of the wrong kind or shape, each a HubError"


def _bad_samples(sample: Sample) -> Iterator[tuple[str, Sample]]:
    if isinstance(sample, str):
        yield "array instead of a text", np.zeros((2, 2), np.float32)
        return
    yield "text instead of an array", "a text"
    yield "one axis too many", sample[None]
    yield "nothing", sample[:0]
    yield "another type", sample.astype(np.float64)
    yield "one channel more", np.concatenate([sample, sample[..., :1]], axis=-1)
    if sample.dtype.kind == "f":
        yield "NaN", np.full_like(sample, np.nan)


def _check_bad_inputs(hub: Hub, kind: str) -> str:
    return check_bad_inputs(kind, [hub.spec(modality) for modality in hub.native])


def _check_reload(hub: Hub) -> str:
    """Load it again by name: only what a name alone can rebuild is compared."""
    try:
        again = open_hub(hub.name)
    except Exception as error:  # a hub opened with options, or built by hand
        return f"not compared: {type(error).__name__} on loading {hub.name} by name alone"
    require(again.fingerprint == hub.fingerprint, f"got {again.fingerprint}, expected {hub.fingerprint}")
    return f"loaded again: fingerprint {hub.fingerprint[:8]}"


CHECKS: tuple[NamedCheck[Hub], ...] = (
    ("vectors", _check_vectors),
    ("deterministic", _check_deterministic),
    ("unit norm", _check_unit_norm),
    ("batch and padding", _check_batch_and_padding),
    ("dtype and device", _check_types),
    ("gradient", _check_gradient),
    ("hub drift", _check_hub_drift),
    ("foreign modality", _check_foreign),
    ("reload", _check_reload),
    ("bad samples", _check_bad_samples),
    *((f"bad input: {kind}", partial(_check_bad_inputs, kind=kind)) for kind in KINDS),
    ("throughput", measure_hub),
)


def _native_samples(hub: Hub) -> dict[str, list[Sample]]:
    specs = {name: hub.spec(name) for name in hub.native}
    return {name: [spec.load(spec.synthetic(seed)) for seed in range(NUM_SAMPLES)] for name, spec in specs.items()}


def _embed_all(hub: Hub) -> dict[str, Tensor]:
    return {modality: hub.embed(modality, samples) for modality, samples in _native_samples(hub).items()}
