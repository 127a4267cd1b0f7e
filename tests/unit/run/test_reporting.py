"""Pages are written from what lies in a report's folder, and say what they cannot show."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_parts import full_report, samples
from typer.testing import CliRunner

from binder.cli import app
from binder.extras import Extra
from binder.report.subject import Samples
from binder.run.reporting import report_folder, write_pages

SHOWN = "media-traces"  # in the body: what galleries hold


@pytest.fixture(scope="module")
def shown() -> Samples:
    return samples()


@pytest.fixture
def folder(shown: Samples, tmp_path: Path, report_once) -> Path:
    report_once.save(tmp_path / "report")
    return tmp_path / "report"


@pytest.fixture(scope="module")
def report_once(shown: Samples):
    return full_report(shown)


def body(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8").partition("<body>")[2]


def test_a_report_alone_is_shown_without_samples_by_the_command(folder: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(folder)])
    assert done.exit_code == 0 and "report.html" in done.output and "report.md" in done.output, done.output
    assert "the table is not known" in body(folder) and SHOWN not in body(folder)
    assert "the table is not known" in (folder / "report.md").read_text(encoding="utf-8")


def test_the_rows_of_the_same_fingerprint_are_shown(folder: Path, shown: Samples) -> None:
    other = shown.table.select(range(len(shown.table) - 1))
    assert write_pages(folder, tables=[other, shown.table]) == [folder / "report.html", folder / "report.md"]
    assert SHOWN in body(folder)


def test_a_changed_table_leaves_the_samples_out_and_says_so(folder: Path, shown: Samples) -> None:
    changed = replace(shown.table, groups=["another", *shown.table.groups[1:]])
    write_pages(folder, tables=[changed])
    assert "or has changed since" in body(folder) and SHOWN not in body(folder)


def test_without_the_extra_it_is_said_how_to_get_the_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    extra = Extra(name="hub-binder[report]", missing=("plotly>=6.0",))
    monkeypatch.setattr("binder.run.reporting.own_extra", lambda name: extra)
    assert write_pages(folder) == [folder / "report.md"]
    assert "pip install 'hub-binder[report]'" in caplog.text and not (folder / "report.html").exists()


def test_a_run_is_known_by_its_report(folder: Path) -> None:
    assert report_folder(folder) == (folder, None)
    (folder.parent / "config.yaml").touch()
    assert report_folder(folder) == (folder, folder.parent) == report_folder(folder.parent)
