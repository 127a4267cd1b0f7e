"""What every hub must keep, checked on synthetic samples of its native modalities."""

import numpy as np
import torch
from torch import Tensor

from binder.check.lines import CheckLine, NamedCheck, require, run_checks
from binder.check.modality import copy_sample, same_sample
from binder.errors import HubError
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
        require(
            vectors.shape == expected and vectors.dtype == torch.float32 and vectors.device.type == "cpu",
            f"{modality}: got {vectors.dtype} {tuple(vectors.shape)} on {vectors.device}, "
            f"expected float32 {expected} on the CPU",
        )
        require(not vectors.requires_grad, f"{modality}: the vectors carry a gradient")
        require(not vectors.is_inference(), f"{modality}: inference tensors cannot enter a loss; use torch.no_grad")
        require(all(map(same_sample, samples, before)), f"{modality}: a sample was changed in place")
        require(float((vectors[0] - vectors[1]).abs().max()) > 0, f"{modality}: two samples got one vector")
        require(hub.embed(modality, []).shape == (0, hub.dim), f"{modality}: no samples should give (0, {hub.dim})")
    return f"float32, {hub.dim} wide, for {', '.join(hub.native)}"


def _check_unit_norm(hub: Hub) -> str:
    error = max(float((vectors.norm(dim=-1) - 1).abs().max()) for vectors in _embed_all(hub).values())
    require(error <= NORM_TOLERANCE, f"norms off by up to {error:.2g}, allowed {NORM_TOLERANCE:g}")
    return f"norms off by at most {error:.1g}"


def _check_deterministic(hub: Hub) -> str:
    first, second = _embed_all(hub), _embed_all(hub)
    for modality, vectors in first.items():
        require(torch.equal(vectors, second[modality]), f"{modality}: two calls differ")
    return "two calls give the same bits"


def _check_batch_invariance(hub: Hub) -> str:
    worst = 0.0
    for modality, samples in _native_samples(hub).items():
        together = hub.embed(modality, samples)
        alone = torch.cat([hub.embed(modality, [sample]) for sample in samples])
        worst = max(worst, float((together - alone).abs().max()))
    require(worst <= BATCH_TOLERANCE, f"vectors move by {worst:.2g} with their batch, allowed {BATCH_TOLERANCE:g}")
    return f"alone and in a batch: within {worst:.1g} (allowed {BATCH_TOLERANCE:g})"


def _check_foreign(hub: Hub) -> str:
    try:
        hub.embed("no_such_modality", [np.zeros((1, 1), np.float32)])
    except HubError as error:
        require(all(name in str(error) for name in hub.native), f"the error does not name {hub.native}: {error}")
        return "a foreign modality is refused, the native ones are named"
    require(False, "a foreign modality was embedded")
    raise AssertionError("unreachable")


def _check_frozen(hub: Hub) -> str:
    before = hub.fingerprint
    _embed_all(hub)
    hub.check_frozen()
    require(hub.fingerprint == before, "the fingerprint changed by embedding")
    return "no trainable weight, none changed by embedding"


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
    ("unit norm", _check_unit_norm),
    ("deterministic", _check_deterministic),
    ("batch invariance", _check_batch_invariance),
    ("foreign modality", _check_foreign),
    ("frozen", _check_frozen),
    ("reload", _check_reload),
)


def _native_samples(hub: Hub) -> dict[str, list[Sample]]:
    specs = {name: hub.spec(name) for name in hub.native}
    return {name: [spec.load(spec.synthetic(seed)) for seed in range(NUM_SAMPLES)] for name, spec in specs.items()}


def _embed_all(hub: Hub) -> dict[str, Tensor]:
    return {modality: hub.embed(modality, samples) for modality, samples in _native_samples(hub).items()}
