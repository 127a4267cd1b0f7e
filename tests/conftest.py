"""Fixtures every test may use, and the count of tests that real data would have allowed."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from browser import Browser, start_browser

# The models are tiny: a second thread costs more than it gives, and the more the busier the machine is.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of what tests start
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

hypothesis.settings.register_profile("binder", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("binder")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("BINDER_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip("real data absent")
    return SHARED


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless chromium; the test is skipped where there is none."""
    with start_browser() as started:
        yield started


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = {
        "real data absent": f"no real data in {SHARED} (set BINDER_SHARED_DATA)",
        "browser absent": "no headless chromium, or no playwright (see tests/browser.py)",
        "extra absent": "not every plug-in was checked, because an extra is not installed (see -rs)",
    }
    for reason, text in told.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if reason in str(report.longrepr)]
        if skipped:
            terminalreporter.write_line(f"{len(skipped)} tests SKIPPED: {text}", yellow=True)
