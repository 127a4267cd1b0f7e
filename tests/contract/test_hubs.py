"""Every registered hub scheme keeps every promise, tried on a small local model of each kind."""

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from local_hubs import LOCAL_HUBS

from binder.check import check_hub
from binder.check.hub import CHECKS
from binder.check.lines import CheckLine
from binder.extras import extra_of
from binder.hub import open_hub
from binder.registry import HUBS, hub_schemes

ROOT = Path(__file__).parents[2]
SCHEMES = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][HUBS])
LINES = [name for name, _ in CHECKS]


def test_every_scheme_is_registered_and_has_a_local_hub():
    shipped = sorted(point.name for point in entry_points(group=HUBS) if point.value.startswith("binder."))
    assert shipped == SCHEMES
    assert set(SCHEMES) <= set(hub_schemes())
    assert sorted({scheme for scheme, _ in LOCAL_HUBS.values()}) == SCHEMES


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, dict[str, CheckLine]]:
    """Every local hub whose packages are installed -> the lines of its check by name."""
    found = {}
    for name, (scheme, save) in LOCAL_HUBS.items():
        extra = extra_of(HUBS, scheme)
        if extra is None or not extra.missing:
            hub = open_hub(save(tmp_path_factory.mktemp(scheme)), precision="float32")
            found[name] = {line.name: line for line in check_hub(hub)}
    return found


@pytest.mark.parametrize("line", LINES)
def test_every_hub_keeps_this_promise(reports, line):
    found = {name: lines[line] for name, lines in reports.items()}
    assert {name: held.detail for name, held in found.items() if not held.passed} == {}
    schemes = {LOCAL_HUBS[name][0] for name in found}
    if schemes != set(SCHEMES):
        absent = sorted(set(SCHEMES) - schemes)
        pytest.skip(f"extra absent: {len(schemes)} of {len(SCHEMES)} schemes checked, not {', '.join(absent)}")
    assert len(found) == len(LOCAL_HUBS)


def test_every_local_hub_is_opened_again_by_its_name(reports):
    assert {lines["reload"].detail.partition(":")[0] for lines in reports.values()} == {"loaded again"}


def test_the_throughput_tells_two_figures_for_every_modality(reports):
    for lines in reports.values():
        (native,) = re.findall(r"for (.*)$", lines["vectors"].detail)
        told = re.findall(r"(\w+): prepare [\d,]+/s, embed [\d,]+/s", lines["throughput"].detail)
        assert told == native.split(", ")
