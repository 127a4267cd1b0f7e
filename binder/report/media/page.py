"""A page that shows one sample, for whoever writes a modality. Floor: report; called by `binder check --show`."""

from html import escape
from pathlib import Path

from binder.display import Display
from binder.report.media.render import render
from binder.report.media.style import media_style

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title><style>:root{{color-scheme:light dark;font-family:system-ui,sans-serif}}
{style}</style></head>
<body><h1>{name}</h1>{body}</body></html>
"""


def write_page(path: Path, display: Display, *, name: str) -> None:
    """Write a page of its own that shows `display`; it opens offline."""
    page = _PAGE.format(name=escape(name), style=media_style(), body=render(display, name=name))
    path.write_text(page, encoding="utf-8")
