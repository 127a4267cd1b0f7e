"""A page with samples of every kind opens in a real browser: offline, without errors, light, dark and still."""

import re
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from typer.testing import CliRunner

import binder.check
from binder.cli import app
from binder.display import Display, Film, Motion, Picture, Points, Scale, Sound, Traces, Words
from binder.report.media import media_style, render, write_page

CHANCE = np.random.default_rng(0)
TIME = np.arange(400) / 100
SHOWN: dict[str, Display] = {
    "picture": Picture(pixels=CHANCE.integers(0, 255, (30, 40, 3), dtype=np.uint8)),
    "depth": Picture(pixels=np.where(CHANCE.random((30, 40)) < 0.1, np.nan, 2.0), scale=Scale(unit="m", reversed=True)),
    "film": Film(frames=CHANCE.uniform(280, 300, (8, 30, 40)), rate_hz=4.0, scale=Scale(unit="K", colours="inferno")),
    "sound": Sound(waveform=np.sin(TIME * 2000), rate_hz=8000.0),
    "traces": Traces(values=np.sin(TIME)[:, None], channels=("accel x",), units=("m/s²",), rate_hz=100.0),
    "motion": Motion(joints=CHANCE.uniform(-1, 1, (20, 5, 3)), bones=((0, 1), (1, 2)), rate_hz=30.0),
    "points": Points(places=CHANCE.normal(size=(500, 3)), unit="m"),
    "words": Words(text='<b onclick="alert(1)">not bold</b>'),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "samples.html"
    body = "".join(render(display, name=name) for name, display in SHOWN.items())
    style = f":root{{color-scheme:light dark}}{media_style()}"
    path.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{body}", encoding="utf-8")
    return path


def motion_of(element: object) -> str:
    return element.evaluate("node => getComputedStyle(node.firstElementChild).animationName")  # type: ignore[attr-defined]


def test_everything_is_seen_and_nothing_asked_for(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        assert opened.page.locator("figure.media").count() == len(SHOWN) == 8
        images = opened.page.locator("img").all()
        assert len(images) == 5 and all(image.evaluate("node => node.naturalWidth > 0") for image in images)
        assert opened.page.locator("blockquote").inner_text() == SHOWN["words"].text  # type: ignore[union-attr]
        assert opened.page.locator("audio").evaluate("node => node.play().then(() => node.duration)") > 0
        opened.screenshot("media-light")
        assert (opened.errors, opened.asked) == ([], [])


def test_strips_play_only_while_they_are_pointed_at(browser: Browser, page: Path) -> None:
    with browser.open(page) as opened:
        strips = opened.page.locator(".strip").all()
        assert [motion_of(strip) for strip in strips] == ["none"] * 3
        strips[0].hover()
        assert [motion_of(strip) for strip in strips] == ["media-play", "none", "none"]


def test_who_prefers_less_motion_gets_none(browser: Browser, page: Path) -> None:
    with browser.open(page, still=True) as opened:
        strip = opened.page.locator(".strip").first
        strip.hover()
        assert motion_of(strip) == "none"
        assert strip.evaluate("node => node.scrollWidth > node.clientWidth")  # by hand, frame after frame


def test_dark_pages_have_light_lines_and_phones_no_sideways_scrolling(browser: Browser, page: Path) -> None:
    colour = "node => getComputedStyle(node).stroke"
    with browser.open(page) as light, browser.open(page, dark=True, width=360) as dark:
        bone, trace = (dark.page.locator(kind).first.evaluate(colour) for kind in (".bone", ".trace"))
        assert min(map(int, re.findall(r"\d+", bone)[:3])) > 200
        assert trace != light.page.locator(".trace").first.evaluate(colour)
        assert dark.page.evaluate("document.documentElement.scrollWidth") <= 360
        dark.screenshot("media-dark-phone")


def test_check_shows_a_sample_in_a_page_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binder.check, "check_modality", lambda spec: [])
    path = tmp_path / "image.html"
    done = CliRunner().invoke(app, ["check", "image", "--show", str(path)])
    assert done.exit_code == 0, done.output
    assert "synthetic image" in path.read_text(encoding="utf-8") and "<img" in path.read_text(encoding="utf-8")


def test_a_page_escapes_its_title(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", Words(text="hello"), name="</title><script>")
    assert "<script>" not in (tmp_path / "page.html").read_text(encoding="utf-8")
