"""Puts charts into a page that opens offline: plotly's code, packed, and each chart's numbers. Floor: report."""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from binder.report.figures.look import Figure


def chart(figure: Figure, *, title: str, description: str, choices: Mapping[str, Figure] | None = None) -> str:
    """One chart as an HTML `<figure>`, drawn by `chart_scripts()`.

    Args:
        figure: of a function of this room.
        title: its caption.
        description: what it shows, in words, for screen readers.
        choices: figures that a page's own script may put in its place, by name.
    """
    others = f'<script type="application/json" class="choices">{_numbers(choices)}</script>' if choices else ""
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<div class="plot" role="img" aria-label="{escape(description)}">This chart needs JavaScript.</div>'
        f'<script type="application/json">{_numbers(figure)}</script>{others}</figure>'
    )


@cache
def chart_scripts() -> str:
    """What draws all charts of a page, once at its end: 1.96 MB, plotly.js as gzip in base64.

    The browser unpacks it (`DecompressionStream`: Chrome 80, Firefox 113, Safari 16.4); an older one says so in place
    of the charts. Text and grid take the colour of the page's text, and again when the system turns dark or light, or
    when a script sends the document a `themechange`.
    """
    packed = b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    script = (Path(__file__).parent / "charts.js").read_text(encoding="utf-8")
    return f'<script type="text/plain" id="plotly-packed">{packed}</script>\n<script>\n{script}</script>'


def _numbers(figures: Mapping[str, Any]) -> str:
    """As JSON that no text of a user ends."""
    return json.dumps(figures, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
