"""What every modality must keep, checked on its own synthetic samples. Floor: check; called by the CLI and tests."""

import json
import pickle

import numpy as np
import torch
from torch import Tensor

from binder.check.bad_inputs import BAD_INPUT_CHECKS
from binder.check.lines import CheckLine, NamedCheck, require, run_checks
from binder.check.throughput import measure_modality
from binder.check.tower import TOWER_CHECKS
from binder.display import KINDS, Words
from binder.modality import ModalitySpec
from binder.registry import load_object
from binder.types import Sample

SEEDS = range(4)


def check_modality(spec: ModalitySpec) -> list[CheckLine]:
    """Check every promise of `ModalitySpec`; one line each, in the order of a sample's path."""
    return run_checks(spec, CHECKS)


def _check_synthetic(spec: ModalitySpec) -> str:
    samples = [spec.load(spec.synthetic(seed)) for seed in SEEDS]
    require(same_sample(samples[0], spec.load(spec.synthetic(0))), "the same seed gave two samples")
    require(not same_sample(samples[0], samples[1]), "seeds 0 and 1 gave the same sample")
    return f"{len(samples)} samples keep the contract ({spec.contract.layout}, {spec.contract.unit})"


def _check_transform(spec: ModalitySpec) -> str:
    shapes = set()
    for seed in SEEDS:
        sample = spec.load(spec.synthetic(seed))
        before, chance = copy_sample(sample), _chance_state()
        first, second = spec.transform(sample), spec.transform(sample)
        require(same_sample(sample, before), f"seed {seed}: the sample was changed in place")
        require(_chance_state() == chance, "drew from a global random generator")
        if spec.contract.layout != "text":
            require(first.dtype == torch.float32, f"got {first.dtype}, expected float32")
            require(bool(torch.isfinite(first).all()), f"seed {seed}: NaN or infinite values")
        require(torch.equal(first, second), f"seed {seed}: two calls differ")
        shapes.add(tuple(first.shape))
    if spec.contract.layout != "text":
        require(len(shapes) == 1, f"got the shapes {sorted(shapes)}, expected one")
    return f"equal twice, input unchanged, shape {' or '.join(map(str, sorted(shapes)))}"


def _check_augment(spec: ModalitySpec) -> str:
    tensor = spec.transform(spec.load(spec.synthetic(0)))
    before, chance = tensor.clone(), _chance_state()
    varied = [spec.augment(tensor, torch.Generator().manual_seed(seed)) for seed in (*SEEDS, 0)]
    require(torch.equal(tensor, before), "the tensor was changed in place")
    require(_chance_state() == chance, "drew from a global random generator, not from the one passed in")
    require(torch.equal(varied[0], varied[-1]), "the same seed gave two results")
    for result in varied:
        require(
            result.shape == tensor.shape and result.dtype == tensor.dtype,
            f"got {result.dtype} {tuple(result.shape)}, expected {tensor.dtype} {tuple(tensor.shape)}",
        )
        require(not result.is_floating_point() or bool(torch.isfinite(result).all()), "NaN or infinite values")
    if all(torch.equal(result, tensor) for result in varied):
        return "identity: this modality does not vary its samples"
    require(any(not torch.equal(varied[0], result) for result in varied), "every seed gave the same variation")
    return "follows its seed, same shape, input unchanged"


def _check_collate(spec: ModalitySpec) -> str:
    tensors = [spec.transform(spec.load(spec.synthetic(seed))) for seed in SEEDS]
    before = [tensor.clone() for tensor in tensors]
    batch = spec.collate(tensors)
    parts = batch if isinstance(batch, dict) else {"batch": batch}
    for name, part in parts.items():
        require(isinstance(part, Tensor), f"{name} is {type(part).__name__}, expected a tensor")
        require(len(part) == len(tensors), f"{name} has {len(part)} rows, expected {len(tensors)}")
    require(all(map(torch.equal, tensors, before)), "a tensor was changed in place")
    return ", ".join(f"{name} {tuple(part.shape)}" for name, part in parts.items())


def _check_show(spec: ModalitySpec) -> str:
    sample = spec.load(spec.synthetic(0))
    before = copy_sample(sample)
    display = spec.show(sample)
    require(same_sample(sample, before), "the sample was changed in place")
    kinds = ", ".join(kind.__name__ for kind in KINDS)
    require(isinstance(display, KINDS), f"got {type(display).__name__}, expected one of binder.display: {kinds}")
    require(not isinstance(display, Words) or bool(display.text.strip()), "an empty text")
    return f"as {type(display).__name__}"


def _check_options(spec: ModalitySpec) -> str:
    cls = load_object(spec.reference)
    require(cls is type(spec), f"{spec.reference} is another object: {cls!r}")
    rebuilt = cls(**json.loads(json.dumps(spec.options)))
    require(rebuilt.fingerprint == spec.fingerprint, "rebuilt from JSON, its fingerprint differs")
    return f"{len(spec.options)} options rebuild {spec.reference}, fingerprint {spec.fingerprint[:8]}"


def _check_pickle(spec: ModalitySpec) -> str:
    clone = pickle.loads(pickle.dumps(spec))
    sample = spec.load(spec.synthetic(0))
    require(torch.equal(clone.transform(sample), spec.transform(sample)), "its copy transforms differently")
    return f"{len(pickle.dumps(spec))} bytes go to a reading process"


CHECKS: tuple[NamedCheck[ModalitySpec], ...] = (
    ("synthetic samples", _check_synthetic),
    ("transform", _check_transform),
    ("augment", _check_augment),
    ("collate", _check_collate),
    *TOWER_CHECKS,
    ("show", _check_show),
    ("options", _check_options),
    ("pickle", _check_pickle),
    *BAD_INPUT_CHECKS,
    ("throughput", measure_modality),
)


def same_sample(first: Sample, second: Sample) -> bool:
    """Whether two samples are equal in type, shape and every value."""
    if isinstance(first, str) or isinstance(second, str):
        return first == second
    return first.dtype == second.dtype and np.array_equal(first, second)


def copy_sample(sample: Sample) -> Sample:
    """A sample that later changes of `sample` do not reach."""
    return sample if isinstance(sample, str) else sample.copy()


def _chance_state() -> tuple[bytes, str]:
    """The global generators of torch and numpy, to see whether either was drawn from or seeded anew.

    Python's own is left out, because type checkers that run in tests draw from it; whoever uses it
    is found out by two calls that differ.
    """
    return torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state(legacy=False))
