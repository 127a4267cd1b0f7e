"""From files on disk to a certified matrix: the main job, small."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_run import small_run

import binder
from binder.config import parse_config
from binder.evaluate import Report
from binder.run import evaluate_run
from binder.space import Space
from binder.train.journal import read_journal


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two towers, evaluated."""
    output = tmp_path_factory.mktemp("runs") / "small"
    binder.train(parse_config(small_run(scenes, output)))
    evaluate_run(output)
    return output


def test_every_pair_has_its_certificate(run: Path) -> None:
    report = Report.load(run / "report")
    found = {(cell.query, cell.gallery): cell.certificate.status for cell in report.cells}
    native, trained = {"image", "text"}, {frozenset(("audio", "image")), frozenset(("depth", "image"))}
    expected = {}
    for a in ("image", "text", "audio", "depth"):
        for b in ("image", "text", "audio", "depth"):
            pair = frozenset((a, b))
            if a != b:
                expected[a, b] = "hub-native" if pair == native else "trained" if pair in trained else "emergent"
    assert found == expected


def test_every_evaluable_cell_has_intervals_chance_and_controls(run: Path) -> None:
    cells = json.loads((run / "report" / "report.json").read_text())["cells"]
    assert len(cells) == 12
    for cell in cells:
        text = json.dumps(cell)
        assert all(word in text for word in ("chance", "shuffled", "hit@1", "recall@1", "mAP", "MRR")), cell["query"]
    ranks = pq.read_table(run / "report" / "ranks.parquet")
    assert ranks.num_rows >= 12 * 20


def test_the_report_and_the_space_agree_on_the_vectors(run: Path, scenes: Path) -> None:
    space = Space.load(run)
    test = binder.PairTable.open(scenes).splits()["test"]
    vectors = space.encode(
        audio=[test.cell(row, "audio") for row in range(len(test))],
        depth=[test.cell(row, "depth") for row in range(len(test))],
        image=[test.cell(row, "image") for row in range(len(test))],
        text=["a hot steel ball"],
    )
    assert {name: array.shape for name, array in vectors.items()} == {
        "audio": (64, space.dim),
        "depth": (64, space.dim),
        "image": (64, space.dim),
        "text": (1, space.dim),
    }
    again = binder.evaluate(space, test, relevance="id", modalities=["audio", "depth"])
    best = (vectors["audio"] @ vectors["depth"].T).argmax(axis=1) == np.arange(64)
    hits = json.loads(json.dumps(again.to_json()))["cells"][0]
    assert hits["query"] == "audio" and f"{best.mean():.6f}" in json.dumps(_rounded(hits))


def _rounded(value: object) -> object:
    """Floats as fixed text, so that one of them can be looked for."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return f"{value:.6f}" if isinstance(value, float) else value


def test_the_run_folder_explains_itself(run: Path, scenes: Path) -> None:
    told = {"skips.json", "notes.json"}
    assert {path.name for path in run.iterdir()} == {"config.yaml", "train", "space", "report", *told}
    events = read_journal(run / "train" / "audio")
    assert [event["event"] for event in events].count("validation") == 2
    assert {"loss", "temperature", "samples_per_s"} <= events[0].keys()
    ledger = Space.load(run).towers["audio"].ledger
    table = binder.PairTable.open(scenes, group="group")
    train = table.splits()["train"]
    assert ledger.edges == (("audio", "image"),)
    assert set(train.ids) <= ledger.seen("id", modality="audio")
    assert set(table.splits()["test"].ids).isdisjoint(ledger.seen("id"))
    assert set(train.content_hashes("image")) <= ledger.seen("content", modality="image")


def test_testing_on_training_rows_is_called_tainted(run: Path, scenes: Path) -> None:
    train = binder.PairTable.open(scenes, group="group").splits()["train"].select(range(40))
    report = binder.evaluate(Space.load(run), train, relevance="id", modalities=["audio", "depth"])
    assert {cell.certificate.status for cell in report.cells} == {"tainted"}


def test_towers_trained_apart_merge_into_the_same_vectors(run: Path, scenes: Path, tmp_path: Path) -> None:
    for name in ("audio", "depth"):
        binder.train(parse_config(small_run(scenes, tmp_path / name, towers=(name,))))
    merged, together = Space.load(tmp_path / "audio", tmp_path / "depth"), Space.load(run)
    test = binder.PairTable.open(scenes).splits()["test"]
    for name in ("audio", "depth"):
        cells = [test.cell(row, name) for row in range(8)]
        assert np.array_equal(merged.encode(**{name: cells})[name], together.encode(**{name: cells})[name])
