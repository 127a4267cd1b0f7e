"""A report as one HTML file that opens offline. Floor: report; called by `binder.run.reporting`.

Needs `pip install "hub-binder[report]"`. All text is escaped by jinja2; the only ready markup is that of
`binder.report.media` and `binder.report.figures`, which escape what they are given.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from binder.report.blocks import Chart, Section
from binder.report.figures import chart, chart_scripts
from binder.report.galleries import Example, choose_galleries, fill
from binder.report.media import media_style
from binder.report.sections import SECTIONS
from binder.report.subject import Subject
from binder.report.words import MARKS, short

LARGEST = 4_900_000  # bytes of UTF-8: under 5 MB with room to spare
_TEMPLATES = Path(__file__).parent / "templates"
_AFTER = 2  # sections before the galleries


def render_page(subject: Subject) -> str:
    """The page: of the same subject, the same text.

    Galleries take what the other sections leave of `LARGEST`; what does not fit is left out, the last first, and said.
    """
    sections = [section for make in SECTIONS if (section := make(subject)).blocks]
    galleries = choose_galleries(subject)
    size = len(_page(subject, sections, [], "").encode())
    examples, left_out = fill(galleries, subject, room=LARGEST - size, draw=_draw_example)
    return _page(subject, sections, examples, left_out)


def _page(subject: Subject, sections: list[Section], examples: list, left_out: str) -> str:
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            subject=subject,
            facts=subject.report.facts,
            before=sections[:_AFTER],
            after=sections[_AFTER:],
            galleries=examples,
            left_out=left_out,
            style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8") + media_style()),
            script=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
            charts=Markup(chart_scripts()),
        )
    )


def _draw_example(example: Example) -> str:
    module = _environment().get_template("example.html.j2").module
    return str(module.example(example))  # pyright: ignore[reportAttributeAccessIssue]


def _draw_chart(block: Chart) -> Markup:
    first = next(iter(block.figures.values()))
    choices = block.figures if len(block.figures) > 1 else None
    return Markup(chart(first, title=block.title, description=block.description, choices=choices))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("binder.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["chart"] = _draw_chart
    made.filters["short"] = short
    made.globals["marks"] = MARKS
    return made
