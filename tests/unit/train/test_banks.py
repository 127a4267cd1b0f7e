"""A bank's constants are kept in the run's folder, and served to that run alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import toy_side
from toys import WORDS, ToyHub

from binder.config import LossConfig, TrainConfig
from binder.errors import BinderError, HubMismatchError, TrainingError
from binder.losses import Bank
from binder.train import Side
from binder.train.banks import build_objective, place

CPU = torch.device("cpu")
SOFT = LossConfig(negatives="bank", soft=0.3, mask_above=0.8)


def _banks(side: Side, loss: LossConfig, folder: Path, *, write: bool = True) -> Bank:
    objective, _ = build_objective(side, TrainConfig(), loss, CPU, folder=folder / "banks", write=write)
    (bank,) = objective.banks
    return bank


@pytest.mark.parametrize(
    "loss",
    [SOFT, LossConfig(negatives="hard", hard_negatives=2), LossConfig(negatives="bank", matryoshka=(6, 3))],
    ids=["soft", "hard", "prefixes"],
)
def test_a_kept_bank_equals_the_one_that_was_computed(
    loss: LossConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = toy_side(ToyHub(), tmp_path)
    first = _banks(side, loss, tmp_path)
    assert len(first) == len(WORDS)
    monkeypatch.setattr(Bank, "build", None)  # it must not be computed again
    again = _banks(side, loss, tmp_path)
    assert len(again.vectors) == len(again.targets) == 1 + len(loss.matryoshka)
    for name in ("vectors", "targets"):
        for a, b in zip(getattr(first, name), getattr(again, name), strict=True):
            assert torch.equal(a, b)
    for name in ("keys", "counts", "neighbours"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert torch.equal(first.excluded.columns, again.excluded.columns)
    assert torch.equal(first.excluded.starts, again.excluded.starts)


def test_a_process_that_may_not_write_computes_its_bank(tmp_path: Path) -> None:
    side = toy_side(ToyHub(), tmp_path)
    bank = _banks(side, SOFT, tmp_path, write=False)
    assert not (tmp_path / "banks").exists()
    assert torch.equal(bank.targets[0], _banks(side, SOFT, tmp_path).targets[0])


def _other_hub(side: Side, folder: Path) -> tuple[Side, LossConfig]:
    return toy_side(ToyHub(seed=1), folder / "other"), SOFT


def _other_table(side: Side, folder: Path) -> tuple[Side, LossConfig]:
    return toy_side(ToyHub(), folder / "other", seed=2), SOFT


def _other_rows(side: Side, folder: Path) -> tuple[Side, LossConfig]:
    return replace(side, rows=side.rows[:5]), SOFT


def _other_loss(side: Side, folder: Path) -> tuple[Side, LossConfig]:
    return side, SOFT.model_copy(update={"soft": 0.1})


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (_other_hub, HubMismatchError, "the bank holds vectors of another hub"),
        (_other_table, TrainingError, "the bank's targets belong to another table"),
        (_other_rows, TrainingError, "other rows of the table"),
        (_other_loss, TrainingError, r"belong to another loss[\s\S]*got: .*'soft': 0.3[\s\S]*expected: .*'soft': 0.1"),
    ],
)
def test_a_bank_of_something_else_is_refused(
    change: Any, kind: type[BinderError], message: str, tmp_path: Path
) -> None:
    side = toy_side(ToyHub(), tmp_path)
    _banks(side, SOFT, tmp_path)
    side, loss = change(side, tmp_path)
    with pytest.raises(kind, match=message) as caught:
        _banks(side, loss, tmp_path)
    assert "got:" in str(caught.value) and "expected:" in str(caught.value) and "fix:" in str(caught.value)


@pytest.mark.parametrize(("threshold", "told"), [(-0.99, True), (0.999, False)])
def test_a_mask_that_leaves_few_negatives_is_told(
    threshold: float, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loss = LossConfig(mask_above=threshold) if threshold > 0 else LossConfig.model_construct(mask_above=threshold)
    build_objective(toy_side(ToyHub(), tmp_path), TrainConfig(), loss, CPU, folder=tmp_path / "banks", write=True)
    assert ("of all text pairs for near-duplicates" in caplog.text) is told


def test_what_cannot_be_a_bank_is_refused(tmp_path: Path) -> None:
    side = toy_side(ToyHub(), tmp_path)
    alike = replace(side, rows=side.rows[(side.keys[:, 0, 0] == side.keys[0, 0, 0])])
    with pytest.raises(TrainingError, match=r"needs items to tell apart[\s\S]*1 distinct"):
        _banks(alike, SOFT, tmp_path)
    with pytest.raises(TrainingError, match=r"prefixes of the hub's vectors[\s\S]*widths below 12"):
        _banks(side, LossConfig(negatives="bank", matryoshka=(12,)), tmp_path)


@pytest.mark.parametrize(("free", "moved"), [(1.9, False), (2.1, True)])
def test_a_bank_above_half_of_the_free_gpu_memory_stays_in_main_memory(
    free: float, moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = _banks(toy_side(ToyHub(), tmp_path), SOFT, tmp_path)
    vectors = sum(part.nbytes for part in (*bank.vectors, *bank.targets))
    assert vectors < bank.num_bytes < 2 * vectors + 1000  # and its keys, counts and pairs
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free * bank.num_bytes), 10**12))
    elsewhere = replace(bank)
    monkeypatch.setattr(Bank, "to", lambda self, device: elsewhere)
    assert (place(bank, torch.device("cuda:0")) is elsewhere) is moved
    assert place(bank, CPU) is elsewhere
