"""A run's report as a page: written by `binder eval`, rebuilt by `binder report`, of all six senses, in a browser."""

import re
from pathlib import Path

import pytest
from browser import Browser
from small_run import small_run
from typer.testing import CliRunner

from binder.cli import app
from binder.config import RunConfig
from binder.run import train

pytestmark = pytest.mark.slow

SENSES = ("image", "text", "audio", "depth", "thermal", "imu")
KINDS = ("picture", "film", "sound", "traces", "words")  # of binder.display, that the six senses show


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("reported") / "run"
    content = small_run(
        scenes,
        output,
        towers=("audio", "depth", "thermal", "imu"),
        train={"epochs": 1, "batch_size": 64},
        evaluate={"bootstrap": 100},
    )
    train(RunConfig.model_validate(content))
    done = CliRunner().invoke(app, ["eval", str(output)])
    assert done.exit_code == 0, done.output
    return output


def page_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_shows_all_senses_and_is_whole(run: Path, browser: Browser) -> None:
    page = page_of(run / "report")
    assert len(page.encode()) < 5_000_000
    galleries = page[page.index('id="galleries"') : page.index('id="cells"')]
    shown = set(re.findall(r"(?:aria-label|alt)=\"(?:waveform and spectrogram of )?(\w+) \w", galleries))
    assert shown | {"text"} >= {*SENSES} and "blockquote" in galleries
    assert all(f"media-{kind}" in galleries for kind in KINDS[2:]) and "cosine" in galleries
    with browser.open(run / "report" / "report.html", width=360) as opened:
        opened.page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))"
        )
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
        opened.screenshot("run-report-phone")
        assert (opened.errors, opened.asked) == ([], [])


def test_a_report_is_rebuilt_byte_by_byte_without_encoding(run: Path) -> None:
    before = {name: (run / "report" / name).read_bytes() for name in ("report.html", "report.md")}
    for name in before:
        (run / "report" / name).unlink()
    done = CliRunner().invoke(app, ["report", str(run)])
    assert done.exit_code == 0 and "report.html" in done.output, done.output
    assert {name: (run / "report" / name).read_bytes() for name in before} == before
