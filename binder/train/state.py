"""Everything a run needs to go on as if it had never stopped. Floor: train; called by the loop.

Tensors in safetensors, numbers in JSON, no pickle. States are numbered folders; a new one is
complete before older ones are removed, so a kill at any moment leaves the last one whole.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from binder.errors import TrainingError
from binder.storage import is_complete, new_artifact, read_json, read_manifest, write_json

KIND = "training state"


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


def save_state(
    folder: Path,
    progress: Progress,
    modules: Mapping[str, Mapping[str, Tensor]],
    optimizer: Optimizer,
    facts: Mapping[str, Any],
) -> None:
    """Write a resumable state for `progress.step`, then remove older ones.

    Args:
        folder: holds the numbered states of one run.
        progress: how far the run has come.
        modules: name -> state dict; all are needed to go on (model, average, best weights).
        optimizer: its state goes along.
        facts: JSON values that must be equal on resume (see `load_state`), and the scaler's state.
    """
    path = folder / f"step-{progress.step:09d}-{'end' if progress.finished else progress.batch}"
    if is_complete(path):
        return
    tensors = {f"{module}/{name}": tensor for module, state in modules.items() for name, tensor in state.items()}
    tensors |= {f"optimizer/{name}": tensor for name, tensor in _optimizer_tensors(optimizer).items()}
    tensors |= {f"random/{name}": tensor for name, tensor in _random_tensors().items()}
    with new_artifact(path, KIND) as partial:
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
            partial / "state.safetensors",
        )
        write_json(partial / "state.json", {"progress": asdict(progress), "facts": dict(facts)})
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
    """Read a state, put the optimiser and the random generators back, and hand out the rest.

    Args:
        path: from `find_state`.
        optimizer: built for the same parameters; filled in place.
        expected: facts that must equal those saved, e.g. the run's fingerprint.

    Raises:
        TrainingError: the state belongs to another configuration, table, hub or number of processes.
    """
    read_manifest(path, KIND, verify=True)
    saved = read_json(path / "state.json")
    for name, value in expected.items():
        if saved["facts"].get(name) != value:
            raise TrainingError.explain(
                f"cannot resume from {path}: another {name}",
                got=value,
                expected=saved["facts"].get(name),
                fix="restore that setting, or train into another output folder",
            )
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(path / "state.safetensors").items():
        part, _, key = name.partition("/")
        parts.setdefault(part, {})[key] = tensor
    _restore_optimizer(optimizer, parts.pop("optimizer", {}))
    _restore_random(parts.pop("random"))
    return Progress(**saved["progress"]), parts, saved["facts"]


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value) for number, values in state.items() for name, value in values.items()
    }


def _restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _random_tensors() -> dict[str, Tensor]:
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    return tensors


def _restore_random(tensors: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
