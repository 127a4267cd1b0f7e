"""The benchmark: contenders compute the same, nothing is timed here; and the script writes what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_all_losses_of_the_table_have_one_gradient() -> None:
    from benchmarks import losses

    errors = losses.gradient_errors(64, "cpu")
    assert set(errors) == set(losses.LOSSES)
    exact = {name: error for name, error in errors.items() if "bf16" not in name}
    assert max(exact.values()) < 1e-4 and len(exact) == 6
    assert max(errors.values()) < 1


def test_a_bank_costs_what_the_formula_costs_in_loss() -> None:
    from benchmarks import bank

    ours, formula = (bank.build(name, 100, "cpu")() for name in (bank.OURS, bank.FORMULA))
    torch.testing.assert_close(ours, formula)
    assert abs(bank.build(bank.OURS, 100, "cpu")() - bank.build(bank.OURS, 50, "cpu")()) > 1e-3


def test_all_rankings_of_the_table_find_the_same() -> None:
    from benchmarks import ranking

    here = [name for name in ranking.LARGEST if ranking.installed(name)]
    assert ranking.MTEB in here  # the others are no dependency of ours
    ours = ranking.build(ranking.OURS, 200, "cpu")()
    assert 0 < ours[0] < ours[2] <= 1
    for name in here:
        assert ranking.build(name, 200, "cpu")() == pytest.approx(ours, abs=1e-5), name


def build(name: str, size: int, device: str):
    """A contender that holds `size` MB while it works, or dies. The worker finds it by its name."""
    if name == "dies":
        sys.exit(3)
    return lambda: len(bytearray(b"x") * (size * 10**6))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch):
    """`compare_alone` with workers that find this file."""
    from benchmarks import measure

    monkeypatch.setenv("PYTHONPATH", f"{SCRIPTS}:{Path(__file__).parent}")
    monkeypatch.setattr(measure, "SMALLEST", 1)
    return lambda *names, sizes, **more: measure.compare_alone(
        build, names, sizes, rounds=1, threads=1, device="cpu", **more
    )


def test_memory_is_the_growth_of_a_process_of_its_own(workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["benchmarks.measure"], "_free_memory", lambda device: 150e6)
    runs = workers("a", "b", sizes=(20, 40, 80), excuse=lambda name, size: "tired" if (name, size) == ("b", 20) else "")
    assert runs["a", 20].peak == pytest.approx(20e6, rel=0.2) and runs["a", 20].timing.median > 0
    assert runs["a", 40].peak == pytest.approx(40e6, rel=0.2)
    assert "GB free" in runs["a", 80].left_out  # could have been four times 40 MB
    assert {runs["b", size].left_out for size in (20, 40, 80)} == {"tired"}


def test_a_contender_that_dies_is_named(workers) -> None:
    with pytest.raises(RuntimeError, match="dies at 1 died with exit code 3"):
        workers("dies", sizes=(1,))


def test_a_goal_is_reached_missed_or_not_measured() -> None:
    from benchmarks.report import Goal

    verdicts = [Goal.most("", value, 0.5, cause="why").row() for value in (0.5, 0.6, None)]
    assert [row["verdict"] for row in verdicts] == ["reached", "MISSED", "not measured"]
    assert [row["why"] for row in verdicts] == ["", "why", "why"]
    assert [Goal.least("", value, 0.5).reached for value in (0.5, 0.4)] == [True, False]


@pytest.mark.slow
def test_the_script_runs_and_its_equalities_hold(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "bench"), "--size", "tiny", "--threads", "1", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"date", "processor", "torch", "seed", "command"} <= set(results["machine"])
    parts = {part["name"]: part for part in results["parts"]}
    assert list(parts) == ["losses", "step", "caching", "bank", "encoding", "ranking"]
    assert all(part["rows"] and part["title"] in done.stdout for part in parts.values())
    equalities = {
        "|loss cached - loss live|",
        "largest difference of gradients, relative",
        "|loss - loss of the formula|",
        "smallest cosine of Space.encode to open_clip",
    }
    goals = {goal["what"]: goal["reached"] for part in parts.values() for goal in part["goals"]}
    assert equalities <= set(goals) and all(goals[what] for what in equalities)
    assert (tmp_path / "losses.png").stat().st_size > 10_000
    assert "| N | loss |" in (tmp_path / "tables.md").read_text()


def test_an_unknown_part_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "bench"), "--only", "speed"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "choose of losses, step" in done.stderr
