"""Two and three processes, DDP or FSDP2, train as one does, and go on where others stopped."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file, save_file
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from toy_training import cutting_engine, join, leave, step_losses, stop_at, toy_trainer

from binder.config import LossConfig, TrainConfig
from binder.data.dataset import Item
from binder.errors import TrainingError
from binder.train.state import find_state

# name -> settings; "cut" is FSDP2. 8 rows on 3 processes are 3, 3 and 2: other numbers of chunks.
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "cut": {"cut": True},
    "chunks": {"train": {"chunk_size": 2}},
    "bank": {"loss": {"negatives": "bank", "soft": 0.2}},
    "average": {"train": {"average": 0.9}},
    "cut, fixed temperature": {"cut": True, "loss": {"learn_temperature": False}},
    "cut, all": {
        "cut": True,
        "encoder": "toy_training:BlockEncoder",  # cut block by block
        "train": {"chunk_size": 2, "average": 0.9, "clip_norm": 0.1},
        "loss": {"negatives": "hard", "hard_negatives": 2},
    },
}
FEW = ("plain", "cut, all")
SLOW = pytest.mark.slow


def _run(
    folder: Path, case: dict[str, Any], *, cut: bool, stop: int | None = None, resume: bool = False, dropout: float = 0
) -> dict[str, torch.Tensor]:
    """Train to the end, or until `stop` steps are done, and return the weights."""
    config = TrainConfig(**{"epochs": 2, "batch_size": 8, "lr": 0.01, "save_every": 2, **case.get("train", {})})
    loss = LossConfig(temperature=0.1, **case.get("loss", {}))
    engine = cutting_engine(config.precision) if cut else None
    encoder = case.get("encoder", "default")
    trainer = toy_trainer(folder, config=config, loss=loss, engine=engine, encoder=encoder, dropout=dropout)
    units = [module for module in trainer.step.embed.modules() if isinstance(module, FSDPModule)]
    assert len(units) == ((3 if "encoder" in case else 1) if cut else 0)
    parts = [isinstance(weight, DTensor) for weight in trainer.step.embed.parameters()]
    assert all(parts) if cut else not any(parts)
    if stop is not None:
        return stop_at(trainer, stop)
    return dict(trainer.run(resume=resume).tower.state_dict())


def _spawn(work: Callable[..., None], world: int, folder: Path, *args: Any) -> None:
    folder.mkdir(exist_ok=True)
    mp.spawn(_work, args=(work, world, folder, *args), nprocs=world)
    (folder / "rendezvous").unlink(missing_ok=True)


def _work(rank: int, work: Callable[..., None], world: int, folder: Path, *args: Any) -> None:
    join(rank, world, folder)
    work(rank, folder, *args)
    leave()


def _close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], message: str) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():  # sums in another order; Adam divides by small numbers
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4, msg=f"{message}: {name}")


def _train_all(rank: int, folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        weights = _run(folder / name, CASES[name], cut=CASES[name].get("cut", False))
        save_file(weights, folder / f"{name}-{rank}.safetensors")


@pytest.mark.parametrize(
    ("world", "names"), [(2, FEW), pytest.param(2, tuple(CASES), marks=SLOW), pytest.param(3, tuple(CASES), marks=SLOW)]
)
def test_processes_train_like_one(world: int, names: tuple[str, ...], tmp_path: Path) -> None:
    _spawn(_train_all, world, tmp_path / "many", names)
    for name in names:
        expected = _run(tmp_path / "one" / name, CASES[name], cut=False)
        curve = step_losses(tmp_path / "one" / name)
        assert len(curve) == 10
        np.testing.assert_allclose(step_losses(tmp_path / "many" / name), curve, rtol=1e-4, err_msg=name)
        for rank in range(world):
            _close(load_file(tmp_path / "many" / f"{name}-{rank}.safetensors"), expected, name)


def _bf16(rank: int, folder: Path) -> None:
    _run(folder / "before", {"train": {"epochs": 1}}, cut=True)  # another precision, as of another tower of a run
    train = {"precision": "bf16", "chunk_size": 2}
    save_file(_run(folder / "run", {"train": train}, cut=True), folder / f"{rank}.safetensors")


@SLOW
def test_fsdp_in_bf16_stays_near_float32(tmp_path: Path) -> None:
    _spawn(_bf16, 2, tmp_path)
    expected = _run(tmp_path / "one", {}, cut=False)
    for rank in range(2):
        for name, value in load_file(tmp_path / f"{rank}.safetensors").items():
            assert value.dtype == torch.float32
            # 10 steps at a rate of .01 move a weight by up to .1
            torch.testing.assert_close(value, expected[name], rtol=0, atol=0.02, msg=name)
    np.testing.assert_allclose(step_losses(tmp_path / "run"), step_losses(tmp_path / "one"), rtol=0.02)


def _go_on(rank: int, folder: Path, cut: bool) -> None:
    """Finish what others began, and begin what others finish."""
    case = {"train": {"average": 0.9}}
    save_file(_run(folder / "begun", case, cut=cut, resume=True), folder / f"begun-{rank}.safetensors")
    _run(folder / "left", case, cut=cut, stop=7)


@SLOW
@pytest.mark.parametrize("cut", [False, True], ids=["DDP", "FSDP2"])
def test_another_number_of_processes_goes_on(cut: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case = {"train": {"average": 0.9}}
    expected = _run(tmp_path / "whole", case, cut=False)
    _run(tmp_path / "begun", case, cut=False, stop=7)
    _spawn(_go_on, 2, tmp_path, cut)
    for rank in range(2):
        _close(load_file(tmp_path / f"begun-{rank}.safetensors"), expected, "from one to two")
    state = find_state(tmp_path / "left" / "run" / "state")
    assert state is not None and state.name == "step-000000006-epoch-00001-batch-0000001"
    with caplog.at_level(logging.WARNING):
        _close(_run(tmp_path / "left", case, cut=False, resume=True), expected, "from two to one")
    assert "going on with 1 processes where 2 were at work" in caplog.text
    for part in ("begun", "left"):
        np.testing.assert_allclose(step_losses(tmp_path / part), step_losses(tmp_path / "whole"), rtol=1e-4)


def _whole_and_parts(rank: int, folder: Path, cut: bool) -> None:
    case = {"train": {"average": 0.9, "batch_size": 7}}  # 4 and 3: their random states would part
    whole = _run(folder / "whole", case, cut=cut, dropout=0.2)
    _run(folder / "parts", case, cut=cut, dropout=0.2, stop=7)
    parts = _run(folder / "parts", case, cut=cut, dropout=0.2, resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole), "weights differ"


@SLOW
@pytest.mark.parametrize("cut", [False, True], ids=["DDP", "FSDP2"])
def test_the_same_number_of_processes_goes_on_bit_for_bit(cut: bool, tmp_path: Path) -> None:
    _spawn(_whole_and_parts, 2, tmp_path, cut)
    assert step_losses(tmp_path / "parts") == step_losses(tmp_path / "whole")
    assert len(step_losses(tmp_path / "whole")) == 10


def _stumble(rank: int, folder: Path) -> None:
    trainer = toy_trainer(folder)
    trainer.train.samples[7]  # read once, so that it is kept
    trainer.train.samples._kept[7] = Item(7, torch.full((8, 2), float("nan")))
    with pytest.raises(TrainingError, match="not finite: rows s0-7\n"):
        trainer.run()


@SLOW
def test_every_process_names_the_row_that_one_of_them_stumbled_over(tmp_path: Path) -> None:
    _spawn(_stumble, 2, tmp_path)
