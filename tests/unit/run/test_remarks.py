"""What readers note on samples stands in the run's files, the report's facts and what both print."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from rich.console import Console
from toys import Toy, ToyHub, toy_table

import binder
from binder.config import parse_config
from binder.data import PairTable
from binder.run import training as room
from binder.storage import read_json
from modalities.text import Text

LOUD = 2.0


@dataclass(frozen=True, kw_only=True)
class Noted(Toy):
    """Remarks on loud signals."""

    def notes(self, sample: np.ndarray) -> list[str]:
        return [f"loud: {sample.max():.1f}"] if sample.max() > LOUD else []


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> ToyHub:
    hub = ToyHub()
    monkeypatch.setattr(room, "hub_of", lambda config, space: hub)
    monkeypatch.setattr(Text, "notes", lambda self, text: ["warm: red"] if text == "red" else [])
    return hub


def _content(folder: Path, **tower: Any) -> dict[str, Any]:
    table = toy_table(40)
    rows = {
        "id": table.ids,
        "text": [str(table.cell(row, "text")) for row in range(40)],
        "toy": [np.asarray(table.cell(row, "toy")).tolist() for row in range(40)],
        "split": ["train"] * 24 + ["validation"] * 8 + ["test"] * 8,
    }
    Dataset.from_dict(rows).to_parquet(str(folder / "table.parquet"))
    return {
        "name": "n",
        "output": str(folder / "out"),
        "hub": {"name": "toy:0", "cache": str(folder / "cache")},
        "data": {"table": str(folder / "table.parquet")},
        "towers": {"toy": {"spec": f"{__name__}:Noted", "hub_modality": "text", **tower}},
        "train": {"epochs": 1, "batch_size": 8},
    }


def _counts(table: PairTable) -> dict[str, int]:
    loud = sum(np.asarray(table.cell(row, "toy")).max() > LOUD for row in range(len(table)))
    return {"loud": int(loud), "warm": sum(table.cell(row, "text") == "red" for row in range(len(table)))}


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("trained", ["full", "head"])
def test_a_run_counts_the_notes_on_all_it_read(tmp_path: Path, hub: ToyHub, trained: str, kept: bool) -> None:
    content = _content(tmp_path, trained=trained)
    content["data"]["keep_in_memory"] = kept
    console = Console(record=True, width=300, file=io.StringIO())
    binder.train(parse_config(content), console=console)
    expected = _counts(toy_table(40).select(range(32)))  # test rows are not read
    notes = read_json(tmp_path / "out" / "notes.json")
    assert {one["note"]: one["samples"] for one in notes} == expected and min(expected.values()) > 1
    assert all(len(one["ids"]) == one["samples"] and one["of"] == 32 for one in notes)
    printed = console.export_text()
    assert f"{expected['loud']} of 32 toy samples: loud (id " in printed
    assert f"{expected['warm']} of 32 text samples: warm (id " in printed
    assert read_json(tmp_path / "out" / "skips.json") == []
    binder.train(parse_config(content), resume=True)  # reads no sample of a finished tower again
    again = read_json(tmp_path / "out" / "notes.json")
    assert sorted(again, key=lambda one: one["note"]) == sorted(notes, key=lambda one: one["note"])


@pytest.mark.parametrize("templates", [None, ["{}", "a photo of {}"]])
def test_an_evaluation_counts_notes_on_the_rows_it_tests(
    tmp_path: Path, hub: ToyHub, templates: list[str] | None
) -> None:
    """Also of texts that are asked through prompts, and of none that only centre the hub."""
    space = binder.train(parse_config(_content(tmp_path)))
    table = toy_table(40)
    test, train = table.select(range(30)), table.select(range(30, 40))
    report = binder.evaluate(space, test, train_table=train, templates=templates, bootstrap=50)
    expected = _counts(test)
    assert {one["note"]: one["samples"] for one in report.facts["notes"]} == expected
    assert {one["of"] for one in report.facts["notes"]} == {30}
    console = Console(record=True, width=300, file=io.StringIO())
    report.render(console)
    assert f"{expected['loud']} of 30 toy samples: loud (id " in console.export_text()


def test_a_tower_whose_first_weights_are_gone_has_no_control_and_the_report_says_why(
    tmp_path: Path, hub: ToyHub
) -> None:
    space, table = binder.train(parse_config(_content(tmp_path))), toy_table(30)
    whole = binder.evaluate(space, table, bootstrap=50)
    assert "untrained" in whole.cell("toy", "text").controls and whole.facts["no_control"] == {}
    gone = {"name": "gone_since_then:Network"}
    space.towers["toy"] = replace(space.towers["toy"], encoder=gone)
    report = binder.evaluate(space, table, bootstrap=50)
    assert "untrained" not in report.cell("toy", "text").controls
    assert report.cell("toy", "text").metrics == whole.cell("toy", "text").metrics
    console = Console(record=True, width=300, file=io.StringIO())
    report.render(console)
    printed = console.export_text()
    assert "no untrained control of toy: " in printed
    assert all(gone["name"] in text for text in (report.facts["no_control"]["toy"], printed))
