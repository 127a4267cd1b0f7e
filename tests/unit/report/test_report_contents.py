"""What a report's page and its Markdown hold: every section, every number, no markup of users, never more than 5 MB."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_parts import HOSTILE, full_subject

from binder.evaluate import Report
from binder.evaluate.diagnosis import Diagnosis
from binder.evaluate.findings import Findings
from binder.report.galleries import CELLS, MOST_SHOWN, choose_galleries, fill
from binder.report.markdown import render_markdown
from binder.report.page import _draw_example, render_page
from binder.report.sections import SECTIONS

SUBJECT = full_subject()


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(SUBJECT)


def larger(report: Report, names: list[str]) -> Report:
    """The same cell between every two of many modalities."""
    pairs = [(a, b) for a in names for b in names if a != b]
    cell, behind = report.cell("imu", "depth", "label"), report.diagnosis.cell("imu", "depth", "label")
    assert behind is not None
    cells = [replace(cell, query=a, gallery=b) for a, b in pairs]
    shapes = [replace(report.diagnosis.shapes[0], modality=name) for name in names]
    apart = []
    for a, b in pairs:
        legs = [
            replace(leg, first=replace(leg.first, query=a, gallery=b), second=replace(leg.second, query=a, gallery=b))
            for leg in behind.legs
        ]
        apart.append(replace(behind, query=a, gallery=b, legs=tuple(legs)))
    diagnosis = replace(report.diagnosis, cells=tuple(apart), shapes=tuple(shapes), calibrations=())
    return replace(report, cells=tuple(cells), diagnosis=diagnosis)


def test_the_same_report_gives_the_same_bytes(page: str, tmp_path: Path) -> None:
    SUBJECT.report.save(tmp_path / "report")
    again = replace(SUBJECT, report=Report.load(tmp_path / "report"))
    assert render_page(again) == page
    assert render_markdown(again) == render_markdown(SUBJECT)


def test_every_section_is_there_and_the_page_is_small(page: str) -> None:
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == [
        "headline", "matrix", "galleries", "cells", "certificates", "legs", "references", "learning", "findings",
        "space", "geometry", "calibration", "notes", "method", "reproduce",
    ]  # fmt: skip
    assert len(SECTIONS) == len(sections) - 1
    assert len(page.encode()) < 5_000_000
    assert HOSTILE not in page and "<script>window" not in page


def test_numbers_stand_as_the_report_has_them(page: str) -> None:
    for cell in SUBJECT.report.cells:
        if cell.why_not is None:
            one = cell.metrics["hit@1"]
            assert f">{one.value:.3f} <small>[{one.low:.3f}, {one.high:.3f}]</small>" in page
    for reason in {text for cell in SUBJECT.report.cells for text in cell.certificate.reasons}:
        assert reason.replace("'", "&#39;") in page


def test_a_report_of_schema_1_has_a_page_too() -> None:
    old = replace(SUBJECT.report, diagnosis=Diagnosis(), findings=Findings())
    made = render_page(replace(SUBJECT, report=old, learned=None, samples="no table"))
    assert "no table" in made and 'id="cells"' in made
    assert not {"legs", "learning", "space", "geometry", "calibration"} & set(re.findall(r'<section id="(\w+)"', made))


def test_a_very_large_matrix_fits_and_says_what_it_leaves_out() -> None:
    names = [f"{number} {HOSTILE * 3}" for number in range(40)]
    made = render_page(replace(SUBJECT, report=larger(SUBJECT.report, names), samples="no table"))
    assert len(made.encode()) < 5_000_000
    assert "The first 400 of 1,560 rows" in made


def test_galleries_show_emergent_cells_first_and_every_modality() -> None:
    cells = choose_galleries(SUBJECT)
    statuses = [cell.certificate.status for cell in cells]
    assert statuses[0] == "emergent" and 2 < len(cells) <= CELLS
    assert {side for cell in cells for side in (cell.query, cell.gallery)} == {"imu", "depth", "text"}


def test_galleries_say_of_every_hit_whether_it_answers(page: str) -> None:
    galleries, left_out = fill(choose_galleries(SUBJECT), SUBJECT, room=10**7, draw=_draw_example)
    shown = [markup for gallery in galleries for markup in gallery.examples]
    assert left_out == "" and len(shown) > 5
    num_samples = sum(markup.count("<figure") for markup in shown)
    assert num_samples <= MOST_SHOWN
    hits = sum(markup.count("✓ answers") + markup.count("✗ does not") for markup in shown)
    assert hits == num_samples - len(shown) == sum(markup.count("cosine") for markup in shown)
    assert any("match " in markup for markup in shown)
    assert all(markup in page for markup in shown)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_does_not_fit_is_left_out_last_first_and_counted(share: float) -> None:
    cells = choose_galleries(SUBJECT)
    whole, _ = fill(cells, SUBJECT, room=10**7, draw=_draw_example)
    size = sum(len(markup.encode()) for gallery in whole for markup in gallery.examples)
    part, told = fill(cells, SUBJECT, room=int(share * size), draw=_draw_example)
    count = [sum(len(gallery.examples) for gallery in some) for some in (whole, part)]
    assert told == f"{count[0] - count[1]} examples were left out to keep the page small."
    assert 0 < count[1] < count[0] if share else count[1] == 0
    assert sum(len(markup.encode()) for gallery in part for markup in gallery.examples) <= share * size


def test_a_sample_that_is_gone_is_said_in_its_place() -> None:
    assert not isinstance(SUBJECT.samples, str)
    rows = len(SUBJECT.samples.table)

    class Gone(type(SUBJECT.samples.table)):
        def cell(self, index, modality):
            return None

    table = Gone(**vars(SUBJECT.samples.table))
    made = render_page(replace(SUBJECT, samples=replace(SUBJECT.samples, table=table)))
    assert rows and "cannot be shown: no imu in this row" in made


def markdown_tables(text: str) -> list[list[list[str]]]:
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block.strip().splitlines()] for block in blocks]


def test_markdown_has_the_averages_the_matrix_and_every_cell() -> None:
    text = render_markdown(SUBJECT)
    tables = markdown_tables(text)
    assert all(len({len(row) for row in table}) == 1 for table in tables)
    assert "<" not in text.replace("&lt;", "") and "window.hacked" in text
    line = next(one for one in SUBJECT.report.headlines if one.name == "emergent")
    hit = line.metrics["hit@1"]
    assert f"| emergent | {hit.value:.3f} [{hit.low:.3f}, {hit.high:.3f}] | {line.chance['hit@1']:.3f} |" in text
    done = [cell for cell in SUBJECT.report.cells if cell.why_not is None]
    (cells,) = (table for table in tables if " lift " in table[0])
    assert len(cells) == len(done) + 2
    cell = SUBJECT.report.cell("imu", "depth")
    mark = f"E {cell.metrics['hit@1'].value:.3f}" if cell.certificate.status == "emergent" else "! "
    assert mark in text


def test_markdown_keeps_intervals_readable_and_takes_links_from_users() -> None:
    named = replace(SUBJECT, title="[a](http://x.test) *b* _c_ size_bin [0.1, 0.2] | `d`")
    assert render_markdown(named).splitlines()[0] == (r"# \[a](http://x.test) \*b\* \_c\_ size_bin [0.1, 0.2] \| \`d\`")
