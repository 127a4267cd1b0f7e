"""Every registered modality keeps every promise, and a broken one is caught by the line that names its fault."""

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from binder.check import check_modality
from binder.check.lines import CheckLine
from binder.extras import extra_of
from binder.registry import MODALITIES, create_modality, modality_names

ROOT = Path(__file__).parents[2]
BUILT_IN = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][MODALITIES])
LINES = [
    "synthetic samples",
    "transform",
    "augment",
    "collate",
    "encoder",
    "deterministic",
    "unit norm",
    "batch and padding",
    "dtype and device",
    "gradient",
    "hub drift",
    "show",
    "options",
    "pickle",
    "bad input: empty",
    "bad input: truncated",
    "bad input: wrong magic",
    "bad input: zero samples",
    "bad input: NaN, infinite",
    "bad input: wrong channels",
    "bad input: absurd size",
    "bad input: bomb",
    "bad input: path not UTF-8",
    "bad input: folder",
    "bad input: out of range",
    "bad input: missing, wrong type",
    "throughput",
]


def test_exactly_these_built_in_modalities_are_registered():
    shipped = sorted(point.name for point in entry_points(group=MODALITIES) if point.value.startswith("modalities."))
    assert shipped == BUILT_IN
    assert set(BUILT_IN) <= set(modality_names())


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, CheckLine]]:
    """Every built-in modality whose packages are installed -> the lines of its check by name."""
    extras = {name: extra_of(MODALITIES, name) for name in BUILT_IN}
    ready = [name for name, extra in extras.items() if extra is None or not extra.missing]
    return {name: {line.name: line for line in check_modality(create_modality(name))} for name in ready}


@pytest.mark.parametrize("line", LINES)
def test_every_modality_keeps_this_promise(reports, line):
    found = [lines[line] for lines in reports.values()]
    assert {name: lines[line].detail for name, lines in reports.items() if not lines[line].passed} == {}
    if len(found) < len(BUILT_IN):
        absent = sorted(set(BUILT_IN) - set(reports))
        pytest.skip(f"extra absent: {len(found)} of {len(BUILT_IN)} modalities checked, not {', '.join(absent)}")
    assert len(found) == len(BUILT_IN)


def test_the_lines_are_these_for_every_modality(reports):
    assert {tuple(lines) for lines in reports.values()} == {tuple(LINES)}


PADDED = {
    "audio of any length": ("audio", {"length": "any"}),
    "audio, whole": ("audio", {"view_policy": "whole"}),
    "text": ("text", {}),
}


def test_a_modality_that_reads_nan_as_missing_says_so_in_its_contract() -> None:
    lines = check_modality(create_modality("skeleton", missing="mask"))
    assert [line for line in lines if not line.passed] == []


@pytest.mark.parametrize(("name", "options"), PADDED.values(), ids=PADDED)
def test_what_pads_its_batches_is_checked_on_samples_of_several_lengths(name, options):
    lines = {line.name: line for line in check_modality(create_modality(name, **options))}
    assert {line: found.detail for line, found in lines.items() if not found.passed} == {}
    assert "lengths padded" in lines["batch and padding"].detail


@pytest.mark.parametrize("name", BUILT_IN)
def test_readme_explains_every_option(name, root):
    readme = (root / "modalities" / name / "README.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line.startswith("| `")
    ]
    explained = {option.strip("` ") for cells in rows for option in cells[0].split(",")}
    assert set(create_modality(name).options) <= set(explained)


def test_the_throughput_tells_three_figures(reports):
    for lines in reports.values():
        assert re.search(r"read [\d,]+/s, transform [\d,]+/s, encode [\d,]+/s", lines["throughput"].detail)
