"""How many samples a second: a figure for planning, measured where the check runs, and never a verdict."""

import time
from collections.abc import Callable

import torch

from binder.hub.protocol import Hub
from binder.modality import ModalitySpec
from binder.towers.tower import build_tower

DIM = 32
BATCH_SIZE = 8
SECONDS = 0.05  # per figure, and at least one call


def measure_modality(spec: ModalitySpec) -> str:
    """Samples a second through `load`, `transform` and the default tower."""
    sources = [spec.synthetic(seed) for seed in range(BATCH_SIZE)]
    samples = [spec.load(source) for source in sources]
    tensors = [spec.transform(sample) for sample in samples]
    tower = build_tower(spec, DIM).eval()
    calls = {
        "read": lambda: [spec.load(source) for source in sources],
        "transform": lambda: [spec.transform(sample) for sample in samples],
        "encode": lambda: tower(spec.collate(tensors)),
    }
    with torch.inference_mode():
        return f"{_tell(calls)} {_setting()}"


def measure_hub(hub: Hub) -> str:
    """Samples a second through `prepare` and the model, for each native modality."""
    told = []
    for modality in hub.native:
        spec = hub.spec(modality)
        samples = [spec.load(spec.synthetic(seed)) for seed in range(BATCH_SIZE)]
        prepared = [hub.prepare(modality, sample) for sample in samples]
        # bound now: the names are those of the next modality when the loop goes on
        calls = {
            "prepare": lambda modality=modality, samples=samples: [hub.prepare(modality, one) for one in samples],
            "embed": lambda modality=modality, prepared=prepared: hub.embed_prepared(modality, prepared),
        }
        told.append(f"{modality}: {_tell(calls)}")
    return f"{'; '.join(told)} {_setting()}"


def _tell(calls: dict[str, Callable[[], object]]) -> str:
    return ", ".join(f"{name} {BATCH_SIZE * _per_second(call):,.0f}/s" for name, call in calls.items())


def _setting() -> str:
    return f"(from memory, batches of {BATCH_SIZE}, {torch.get_num_threads()} CPU thread(s))"


def _per_second(call: Callable[[], object]) -> float:
    call()  # the first call pays for what is built once
    start, count, passed = time.perf_counter(), 0, 0.0
    while not count or passed < SECONDS:
        call()
        count, passed = count + 1, time.perf_counter() - start
    return count / passed
