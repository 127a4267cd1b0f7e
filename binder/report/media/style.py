"""The style sheet of the fragments. Floor: report."""

from functools import cache
from pathlib import Path

from binder.report.media.colours import gradients


@cache
def media_style() -> str:
    """CSS for a page's `<style>`, once for all fragments; light or dark as the page's `color-scheme`."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8") + gradients()
