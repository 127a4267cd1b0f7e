"""Everything a run needs to go on as if it had never stopped. Floor: train; called by the loop.

Tensors in safetensors, numbers in JSON, no pickle, and no random states: what a step draws is a function
of its number. All tensors are whole, so that any number of processes, sharded or not, can go on. States
are numbered folders; a new one is complete, and on the disk, before older ones are removed, so a crash
at any moment leaves the last one whole.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from binder.errors import TrainingError
from binder.storage import is_complete, new_artifact, read_json, read_manifest, write_json
from binder.train.weights import part_of, whole

KIND = "training state"
_TENSORS, _NUMBERS = "state.safetensors", "state.json"


@dataclass(kw_only=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: updates done.
        epoch: epoch in progress.
        batch: batches done in this epoch.
        best_score: best validation score so far; None before the first validation.
        best_epoch: epoch of that score.
        scores: validation scores at the best epoch.
        stale: validations since then.
        finished: whether training has ended, by plan or by patience.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best_score: float | None = None
    best_epoch: int = -1
    scores: dict[str, float] = field(default_factory=dict)
    stale: int = 0
    finished: bool = False


def collect_tensors(
    modules: Mapping[str, Mapping[str, Tensor]], optimizer: Optimizer, *, keep: bool
) -> dict[str, Tensor]:
    """Every tensor of a state, whole. All processes must call this together; parts are put together one at a time.

    Args:
        modules: name -> state dict; all are needed to go on (tower, average, best weights).
        optimizer: its state goes along.
        keep: whether this process will write them; else nothing is returned, and nothing held.
    """
    parts = {f"{module}/{name}": tensor for module, state in modules.items() for name, tensor in state.items()}
    for number, values in optimizer.state_dict()["state"].items():
        parts |= {f"optimizer/{number}.{name}": value for name, value in values.items()}
    tensors = {}
    for name, part in parts.items():
        tensor = whole(part.detach())
        if keep:
            tensors[name] = tensor.cpu()
    return tensors


def save_state(folder: Path, progress: Progress, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a resumable state, then remove older ones.

    Args:
        folder: holds the numbered states of one run.
        progress: how far the run has come.
        tensors: from `collect_tensors`.
        facts: JSON values that resuming needs or checks, see `load_state`.
    """
    path = folder / f"step-{progress.step:09d}-epoch-{progress.epoch:05d}-batch-{progress.batch:07d}"
    if not is_complete(path):
        with new_artifact(path, KIND) as partial:
            # clones: safetensors refuses tensors that share memory, as tied weights do
            save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, partial / _TENSORS)
            write_json(partial / _NUMBERS, {"progress": asdict(progress), "facts": dict(facts)})
    for other in folder.iterdir():
        if other != path:
            shutil.rmtree(other)


def find_state(folder: Path) -> Path | None:
    """The newest complete state in `folder`, if there is one."""
    states = sorted(path for path in folder.glob("step-*") if is_complete(path)) if folder.is_dir() else []
    return states[-1] if states else None


def load_state(
    path: Path, optimizer: Optimizer, expected: Mapping[str, Any]
) -> tuple[Progress, dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read a state, put the optimiser back, and hand out the rest: progress, whole tensors by module, facts.

    Args:
        path: from `find_state`.
        optimizer: built for the same parameters; filled in place.
        expected: facts that must equal those saved, e.g. the run's fingerprint.

    Raises:
        ArtifactError: a damaged file.
        TrainingError: the state belongs to another configuration, table or hub.
    """
    read_manifest(path, KIND, verify=True)
    saved = read_json(path / _NUMBERS)
    for name, value in expected.items():
        if saved["facts"].get(name) != value:
            raise TrainingError.explain(
                f"cannot resume from {path}: another {name}",
                got=value,
                expected=saved["facts"].get(name),
                fix="restore that setting, or train into another output folder",
            )
    modules: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(path / _TENSORS).items():
        module, _, key = name.partition("/")
        modules.setdefault(module, {})[key] = tensor.clone()  # they outlive the file, which they are mapped from
    _restore_optimizer(optimizer, modules.pop("optimizer", {}))
    return Progress(**saved["progress"]), modules, saved["facts"]


def _restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        weight = weights[int(number)]
        # moments have their weight's shape and are cut like it; a count of steps is neither
        value = part_of(tensor, weight) if tensor.shape == weight.shape else tensor
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
