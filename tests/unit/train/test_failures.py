"""What stops a training says what is wrong and with which rows; what can be gone over is gone over, and told."""

import itertools
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from crashes import Dead, dies_at
from toy_training import CONFIG, step_losses, toy_side, toy_trainer
from toys import ToyHub

from binder.config import LossConfig
from binder.data import ModalityDataset, Skip
from binder.errors import TrainingError
from binder.train import TowerTrainer
from binder.train.journal import read_journal
from binder.train.state import find_state


def _spoil(trainer: TowerTrainer, row: int, value: float) -> None:
    item = trainer.train.samples[row]  # read once, so that it is kept
    trainer.train.samples._kept[row] = item._replace(tensor=torch.full((8, 2), value))


def test_a_loss_that_is_not_finite_stops_with_the_ids_before_a_weight_changes(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, config=CONFIG.model_copy(update={"save_every": 1}))
    _spoil(trainer, 7, float("nan"))
    with pytest.raises(TrainingError, match="the loss became nan at step") as caught:
        trainer.run()
    assert "not finite: rows s0-7\n" in str(caught.value)
    assert all(torch.isfinite(weight).all() for weight in trainer.weights.learner.state_dict().values())
    saved = find_state(tmp_path / "run" / "state")
    assert saved is None or trainer.progress.step == int(saved.name[5:14])  # what was learned before is kept


def test_a_gradient_that_is_not_finite_stops_before_a_weight_changes(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path)
    before = {name: weight.clone() for name, weight in trainer.weights.learner.state_dict().items()}
    next(trainer.weights.learner.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"norm of the gradient became (nan|inf) at step 0[\s\S]*no vector of them"):
        trainer.run()
    for name, weight in trainer.weights.learner.state_dict().items():
        assert torch.equal(weight, before[name]), name


def test_too_few_pairs_are_refused_before_anything_runs(tmp_path: Path) -> None:
    one = toy_side(ToyHub(), tmp_path, num_rows=1)
    with pytest.raises(TrainingError, match="too few pairs for toy"):
        toy_trainer(tmp_path, train=one)


class _Unreadable(ModalityDataset):
    """The samples of another data set, but for some rows."""

    def __init__(self, samples: ModalityDataset, bad: set[int]) -> None:
        super().__init__(samples.table, samples.spec, on_error="skip", cache=True)
        self.bad = bad

    def viewed(self, index: int, view: Any = None) -> Any:
        if index in self.bad:
            return Skip(id=self.table.ids[index], modality="toy", reason="unreadable")
        return super().viewed(index, view)


def test_a_batch_that_keeps_one_row_is_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    side = toy_side(ToyHub(), tmp_path, num_rows=6)
    side = replace(side, samples=_Unreadable(side.samples, {0, 1}))
    config = CONFIG.model_copy(update={"batch_size": 2})
    with caplog.at_level(logging.WARNING):
        outcome = toy_trainer(tmp_path, train=side, config=config).run()
    assert {skip.id for skip in outcome.samples.skips} == {"s0-0", "s0-1"}
    # 3 batches an epoch: the two bad rows share one, or spoil two
    assert 4 <= outcome.progress.step < 12
    assert "epoch 0: passed over" in caplog.text and "of 3 batches" in caplog.text


def test_a_run_whose_batches_all_hold_one_row_is_refused(tmp_path: Path) -> None:
    side = toy_side(ToyHub(), tmp_path, num_rows=4)
    side = replace(side, samples=_Unreadable(side.samples, {0, 1, 2}))
    with pytest.raises(TrainingError, match=r"no batch to learn from in epoch 0[\s\S]*left out 3 samples[\s\S]*fix:"):
        toy_trainer(tmp_path, train=side, config=CONFIG.model_copy(update={"batch_size": 2})).run()


def test_with_a_bank_a_batch_of_one_row_is_learned_from(tmp_path: Path) -> None:
    side = toy_side(ToyHub(), tmp_path, num_rows=4)
    side = replace(side, samples=_Unreadable(side.samples, {0, 1, 2}))
    config = CONFIG.model_copy(update={"batch_size": 2})
    loss = LossConfig(negatives="bank", direction="to_hub")
    assert toy_trainer(tmp_path, train=side, config=config, loss=loss).run().progress.step == 4


def test_more_processes_than_rows_in_a_batch_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 9)
    with pytest.raises(TrainingError, match=r"no sample for some processes[\s\S]*8 samples, 9 processes"):
        toy_trainer(tmp_path)


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_crash_while_a_state_is_written_loses_nothing(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each moment of the second write, and of the last one, whose state says that the run is finished."""
    config = CONFIG.model_copy(update={"epochs": 2})
    whole = toy_trainer(tmp_path / "whole", config=config).run()
    for moment in itertools.count(0, 3):
        trainer, died = toy_trainer(tmp_path / str(moment), config=config), []
        save, second = trainer._save, iter([False, True])

        def dying(trainer: TowerTrainer = trainer, save: Any = save, second: Any = second, died: Any = died) -> None:
            if trainer.progress.finished if which == "last" else next(second, False):
                died.append(dies_at(moment, save, monkeypatch))  # noqa: B023
                raise Dead
            save()

        monkeypatch.setattr(trainer, "_save", dying)
        with pytest.raises(Dead):
            trainer.run()
        resumed = toy_trainer(tmp_path / str(moment), config=config).run(resume=True)
        for name, weight in whole.tower.state_dict().items():
            assert torch.equal(weight, resumed.tower.state_dict()[name]), name
        assert resumed.progress == whole.progress
        assert step_losses(tmp_path / str(moment)) == step_losses(tmp_path / "whole")
        events = [read_journal(tmp_path / run / "run") for run in ("whole", str(moment))]
        assert [e["epoch"] for e in events[0] if e["event"] == "validation"] == [
            e["epoch"] for e in events[1] if e["event"] == "validation"
        ]
        if died == [False]:
            break
    assert moment >= 9


def test_a_finished_run_that_goes_on_trains_no_further(tmp_path: Path) -> None:
    outcome, again = toy_trainer(tmp_path).run(), toy_trainer(tmp_path).run(resume=True)
    assert again.progress == outcome.progress
    for name, weight in outcome.tower.state_dict().items():
        assert torch.equal(weight, again.tower.state_dict()[name]), name
