"""A real browser without a network: opens a local page and keeps what its console and its requests say.

Debian's chromium (`apt install chromium`; or `BINDER_CHROMIUM`) driven by playwright. Tests that ask for the fixture
`browser` are skipped, and counted, where either is absent. Screenshots stay in `BINDER_SCREENSHOTS`, by default
`runs/screenshots`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("BINDER_SCREENSHOTS", Path(__file__).parents[1] / "runs" / "screenshots"))
LOCAL = ("file:", "data:", "blob:")


class Opened:
    """A page and what it did.

    Attributes:
        page: of playwright.
        errors: of the console, and uncaught ones.
        asked: addresses outside this machine that it asked for.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(LOCAL) else self.asked.append(request.url))

    def screenshot(self, name: str, *, whole: bool = True) -> Path:
        """Keep a picture of the page as NAME.png."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)
        return FOLDER / f"{name}.png"


class Browser:
    """Opens pages in a browser that is started once."""

    def __init__(self, chromium: Any) -> None:
        self.chromium = chromium

    @contextmanager
    def open(
        self, path: Path, *, width: int = 1200, dark: bool = False, still: bool = False, before: str = ""
    ) -> Iterator[Opened]:
        """Open a file offline, in a window `width` pixels wide, of a reader who likes it dark or without motion.

        The script `before` runs ahead of the page's own.
        """
        context = self.chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            offline=True,
        )
        try:
            context.add_init_script(before)
            opened = Opened(context.new_page())
            opened.page.goto(path.as_uri(), wait_until="load")
            yield opened
        finally:
            context.close()


@contextmanager
def start_browser() -> Iterator[Browser]:
    """A headless chromium for as long as the block lasts; skips the test where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    binary = os.environ.get("BINDER_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    playwright = pytest.importorskip("playwright.sync_api", reason="browser absent: pip install playwright")
    if binary is None:
        pytest.skip("browser absent: apt install chromium")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
