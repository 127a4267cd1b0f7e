"""What the training loop promises: exact resume, cached = live, a frozen hub, early stop, clear failures."""

import io
import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from toy_training import CONFIG, step_losses, stop_at, toy_side, toy_trainer
from toys import Toy, ToyHub

from binder.config import LossConfig, TrainConfig
from binder.errors import TrainingError
from binder.train.journal import read_journal
from binder.train.optim import learning_rate


@pytest.mark.parametrize("die_after", [1, 3, 4, 5, 7, 12, 19])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path, die_after: int) -> None:
    whole = toy_trainer(tmp_path / "whole").run()
    stop_at(toy_trainer(tmp_path / "parts"), die_after)
    torch.manual_seed(12345)  # a new process has another random state
    resumed = toy_trainer(tmp_path / "parts").run(resume=True)
    for name, weight in whole.tower.state_dict().items():
        assert torch.equal(weight, resumed.tower.state_dict()[name]), name
    assert resumed.temperature == whole.temperature
    assert resumed.progress == whole.progress
    assert step_losses(tmp_path / "parts") == step_losses(tmp_path / "whole")
    assert len(step_losses(tmp_path / "whole")) == 20


def test_a_run_goes_on_with_other_workers_bit_for_bit(tmp_path: Path) -> None:
    whole = toy_trainer(tmp_path / "whole").run()
    stop_at(toy_trainer(tmp_path / "parts"), 7)
    config = CONFIG.model_copy(update={"workers": 2, "prefetch": 3, "save_every": 5})
    resumed = toy_trainer(tmp_path / "parts", config=config).run(resume=True)
    for name, weight in whole.tower.state_dict().items():
        assert torch.equal(weight, resumed.tower.state_dict()[name]), name
    assert step_losses(tmp_path / "parts") == step_losses(tmp_path / "whole")


def test_cached_and_live_hub_give_the_same_loss_curve(tmp_path: Path) -> None:
    toy_trainer(tmp_path / "cached").run()
    toy_trainer(tmp_path / "live", live=True).run()
    # vectors of a batch and of the cache differ by float32 rounding of differently shaped products
    np.testing.assert_allclose(step_losses(tmp_path / "live"), step_losses(tmp_path / "cached"), rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss_and_leaves_the_hub_as_it_was(tmp_path: Path) -> None:
    hub = ToyHub()
    trainer = toy_trainer(
        tmp_path, config=CONFIG.model_copy(update={"epochs": 20}), train=toy_side(hub, tmp_path, live=True)
    )
    outcome = trainer.run()
    losses = step_losses(tmp_path)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert outcome.progress.scores["mAP"] > 0.8
    hub.check_frozen()


def test_it_stops_early_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 50, "patience": 3, "lr": 1e-9, "average": None})
    outcome = toy_trainer(tmp_path, config=config).run()
    epochs = [event for event in read_journal(tmp_path / "run") if event["event"] == "validation"]
    assert len(epochs) == 4  # a rate of 1e-9 never gets better than the first epoch
    assert outcome.progress.best_epoch == 0
    assert outcome.progress.best_score == max(event["mAP"] for event in epochs)


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    toy_trainer(tmp_path, config=CONFIG.model_copy(update={"epochs": 1})).run()
    with pytest.raises(TrainingError, match="another run"):
        toy_trainer(tmp_path, fingerprint="g").run(resume=True)


def test_bf16_trains_and_keeps_unit_norm(tmp_path: Path) -> None:
    outcome = toy_trainer(tmp_path, config=CONFIG.model_copy(update={"precision": "bf16"})).run()
    vectors = outcome.tower(torch.stack([Toy().transform(Toy().synthetic(0))]))
    assert vectors.dtype == torch.float32
    assert float(vectors.detach().norm()) == pytest.approx(1, abs=1e-6)


def test_the_learning_rate_warms_up_linearly_and_decays_to_zero() -> None:
    config = TrainConfig(lr=2.0, warmup=0.1)
    rates = [learning_rate(step, 100, config) for step in range(100)]
    assert rates[:10] == pytest.approx([2.0 * (step + 1) / 10 for step in range(10)])
    assert rates[55] == pytest.approx(1 + math.cos(math.pi * 45 / 90))
    assert rates[-1] < 0.01
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


@pytest.mark.parametrize(
    "settings",
    [{"negatives": "bank"}, {"negatives": "bank", "soft": 0.3}, {"negatives": "hard", "hard_negatives": 2},
     {"kind": "sigmoid", "negatives": "bank"}, {"matryoshka": (4,)}],
    ids=str,
)  # fmt: skip
def test_a_run_learns_with_every_kind_of_loss(settings: dict[str, Any], tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 12})
    outcome = toy_trainer(tmp_path, config=config, loss=LossConfig(temperature=0.1, **settings)).run()
    losses = step_losses(tmp_path)
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert outcome.progress.scores["mAP"] > 0.6


def test_a_run_says_where_it_goes_on_and_what_it_keeps(tmp_path: Path) -> None:
    def told(config: TrainConfig = CONFIG, **options: Any) -> str:
        console = Console(file=io.StringIO(), width=200)
        toy_trainer(tmp_path / str(len(list(tmp_path.iterdir()))), config=config, console=console, **options).run()
        return console.file.getvalue()

    assert "toy: no validation split, so the last epoch is kept (3)" in told(validation=None)
    kept = told()
    assert re.search(r"toy: epoch \d kept: mAP 0\.\d{3}\n", kept) and "going on" not in kept
    steady = CONFIG.model_copy(update={"lr": 1e-9, "epochs": 9, "patience": 2})
    assert "toy: epoch 0 kept" in (early := told(steady))
    assert "not surpassed in 2 validations, so training stopped early" in early
    stop_at(toy_trainer(tmp_path / "parts"), 7)
    console = Console(file=io.StringIO(), width=200)
    toy_trainer(tmp_path / "parts", console=console).run(resume=True)
    assert "toy: going on at step 6 of 20, epoch 1\n" in console.file.getvalue()


@pytest.mark.parametrize(
    ("monitor", "rows", "why"),
    [("hit@10", 16, r"\d distinct text"), ("shared", 2, "all relevant to each other"), ("hit@5", 4, "distinct text")],
)
def test_a_monitor_that_validation_cannot_give_is_refused_before_training(
    monitor: Any, rows: int, why: str, tmp_path: Path
) -> None:
    validation = toy_side(ToyHub(), tmp_path, seed=1, num_rows=64)
    alike = np.argsort(validation.keys[:, 0, 1], kind="stable")[:rows]  # of one label first
    validation = replace(validation, rows=np.sort(alike) if monitor != "hit@10" else validation.rows)
    with pytest.raises(TrainingError, match=rf"train.monitor {monitor} can't be computed[\s\S]*{why}[\s\S]*fix:"):
        toy_trainer(tmp_path, config=CONFIG.model_copy(update={"monitor": monitor}), validation=validation)
