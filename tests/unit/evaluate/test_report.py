import io
import json

import pyarrow.parquet as pq
import pytest
from evaluate_parts import class_space, encode, make_ledger
from rich.console import Console

from binder.errors import ArtifactError
from binder.evaluate import Report, evaluate_space
from binder.storage import new_artifact, write_json

NEW = ("mAP@R", "R-precision", "nDCG@10")  # since schema 2


@pytest.fixture(scope="module")
def report():
    encoded, rows, ledgers = class_space(num=40, classes=4)
    ledgers["depth"] = make_ledger("depth", partner="image", items=[("train", "x", "g1", "depth", "depth:0")])
    sees = {"text": ["label"], "imu": ["label"], "depth": ["label"], "image": ["id"]}
    return evaluate_space(
        encoded, rows, relevance=["label", sees], ledgers=ledgers, hub_fingerprint="hub-1",
        hub_native=("text", "image"), num_bootstrap=100,
    )  # fmt: skip


def printed(report, width=100):
    console = Console(file=io.StringIO(), width=width)
    report.render(console)
    return console.file.getvalue()


def test_what_is_saved_comes_back_equal(report, tmp_path):
    report.save(tmp_path / "report")
    again = Report.load(tmp_path / "report")
    assert again == report
    assert again.to_json() == report.to_json()
    again.save(tmp_path / "report")  # an older report is replaced


def test_the_files_open_without_binder(report, tmp_path):
    report.save(tmp_path / "report")
    value = json.loads((tmp_path / "report" / "report.json").read_text())
    assert value["schema"] == 2
    assert len(value["cells"]) == 24
    cell = next(cell for cell in value["cells"] if (cell["query"], cell["gallery"]) == ("imu", "depth"))
    assert cell["certificate"]["status"] == "tainted"
    assert set(cell["metrics"]["hit@1"]) == {"value", "low", "high"}
    ranks = pq.read_table(tmp_path / "report" / "ranks.parquet")
    assert len(ranks) == sum(cell["num_queries"] for cell in value["cells"])


def test_the_ranks_average_to_the_cells(report):
    rows = report.ranks.to_pylist()
    for cell in report.cells:
        own = [
            row for row in rows if (row["query"], row["gallery"], row["rule"]) == (cell.query, cell.gallery, cell.rule)
        ]
        assert len(own) == cell.num_queries
        for name in cell.metrics:
            if name.startswith(("hit", "recall")):
                assert sum(row[name] for row in own) / len(own) == pytest.approx(cell.metrics[name].value)
        assert all(row["hit@10"] is None for row in own if cell.num_gallery < 10)


def test_a_report_of_the_first_schema_is_read_without_what_it_lacks(report, tmp_path):
    value = report.to_json() | {"schema": 1}
    for cell in value["cells"]:
        del cell["pools"]
        cell["metrics"] = {name: one for name, one in cell["metrics"].items() if name not in NEW}
    for rule in value["facts"]["rules"]:
        del rule["gains"]
    with new_artifact(tmp_path / "report", "report", {"report_schema": 1}) as partial:
        write_json(partial / "report.json", value)
        pq.write_table(report.ranks, partial / "ranks.parquet")
    old = Report.load(tmp_path / "report")
    assert {cell.name: cell.pools for cell in old.cells} == {cell.name: {} for cell in report.cells}
    report.save(tmp_path / "new")
    assert printed(old) == printed(Report.load(tmp_path / "new"))


def test_a_folder_that_is_no_report_is_refused(report, tmp_path):
    with pytest.raises(ArtifactError, match="no complete report"):
        Report.load(tmp_path)
    report.save(tmp_path / "newer")
    file = tmp_path / "newer" / "report.json"
    text = file.read_text()
    file.write_text(text.replace('"schema": 2', '"schema": 9'))
    with pytest.raises(ArtifactError, match="newer binder"):
        Report.load(tmp_path / "newer")
    file.write_text(text.replace('"certificate"', '"certificatf"'))
    with pytest.raises(ArtifactError, match="not a report"):
        Report.load(tmp_path / "newer")


def test_the_terminal_shows_every_verdict_number_and_reason_within_its_width(report):
    text = printed(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    verdicts = ("E emergent", "T trained", "H hub-native", "! tainted", "n/a", "shuffled", "untrained", "centred")
    reasons = ("1 of 40 depth items were trained on by depth", "share no attribute", "(4 tainted left out)")
    for expected in (*verdicts, *reasons):
        assert expected in text, expected
    for cell in report.cells:
        assert cell.name in text


def test_many_modalities_continue_below_instead_of_being_cut():
    encoded, rows, ledgers = class_space(num=30, classes=3)
    for number in range(5):
        encoded[f"sensor_{number}"] = encode(f"sensor_{number}", encoded["imu"].vectors)
    wide = evaluate_space(
        encoded, rows, relevance="label", ledgers=ledgers, hub_fingerprint="hub-1",
        hub_native=("text", "image"), num_bootstrap=100,
    )  # fmt: skip
    text = printed(wide)
    assert "(continued)" in text and "…" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_an_unknown_cell_is_named_with_the_choices(report):
    with pytest.raises(KeyError, match=r"no cell imu -> smell; cells: .*imu -> depth"):
        report.cell("imu", "smell")
