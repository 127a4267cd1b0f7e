"""What a page is made of, as plain data: sections of tables, charts and texts. Floor: report.

Made by `binder.report.sections`, written as HTML by `binder.report.page`, in part as Markdown by `markdown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from binder.evaluate.scoring import Estimate
from binder.report.figures import Figure

MOST_ROWS = 400  # of a table


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph.

    Attributes:
        text: of the paragraph.
        warning: whether it must not be overlooked.
    """

    kind: ClassVar[str] = "text"
    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of a headline.

    Attributes:
        metric: its name.
        estimate: value and interval, 0 to 1.
        chance: of the same.
    """

    metric: str
    estimate: Estimate
    chance: float


@dataclass(frozen=True, kw_only=True)
class Tile:
    """An average that a reader takes home.

    Attributes:
        name: of the kind of cells.
        meaning: what that kind is.
        scores: averages; none where every cell is tainted.
        detail: how many cells, and how many were left out.
    """

    name: str
    meaning: str
    scores: tuple[Score, ...]
    detail: str


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Headlines side by side."""

    kind: ClassVar[str] = "tiles"
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What stands in one place of a table.

    Attributes:
        text: first line.
        note: second line, smaller.
        order: by which a column is sorted; None for texts.
        status: of a certificate, drawn as its mark.
    """

    text: str
    note: str = ""
    order: float | None = None
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of equal length; the first entry is the row's name.

    Attributes:
        caption: what the table shows.
        heads: names of the columns.
        rows: of entries.
        filters: whether it gets a text filter, and a filter by status where there is a column of them.
        folded: whether it is opened on demand, where a chart above shows the same.
    """

    kind: ClassVar[str] = "table"
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    filters: bool = False
    folded: bool = False

    @property
    def shown(self) -> tuple[tuple[Entry, ...], ...]:
        """As many rows as a page bears: one has about 1.5 kB."""
        return self.rows[:MOST_ROWS]

    @property
    def left_out(self) -> str:
        """What is to be said of the other rows."""
        count = len(self.rows)
        return f"The first {MOST_ROWS} of {count:,} rows; report.json has them all." if count > MOST_ROWS else ""

    @property
    def statuses(self) -> list[str]:
        """Every status that a row has."""
        return list(dict.fromkeys(entry.status for row in self.shown for entry in row if entry.status))


@dataclass(frozen=True, kw_only=True)
class Selector:
    """A choice between charts."""

    label: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One place with a chart that selectors change.

    Attributes:
        title: caption.
        description: in words, for screen readers.
        figures: numbers of the options chosen ("0-2": first of the first selector, third of the second) -> figure;
            the first is shown first. The key is "" where nothing is to be chosen.
        selectors: in the order of the keys.
        least_rem: width below which it scrolls.
    """

    kind: ClassVar[str] = "chart"
    title: str
    description: str
    figures: Mapping[str, Figure]
    selectors: tuple[Selector, ...] = ()
    least_rem: int = 18


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A sentence and the cells it is about."""

    text: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Remarks:
    """Sentences under a common title; `folded` ones are opened on demand."""

    kind: ClassVar[str] = "remarks"
    title: str
    remarks: tuple[Remark, ...]
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and what they stand for."""

    kind: ClassVar[str] = "facts"
    facts: tuple[tuple[str, str], ...]


Block = Text | Tiles | Table | Chart | Remarks | Facts


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page.

    Attributes:
        id: of its anchor.
        title: of its heading.
        blocks: what it shows; a section without blocks is left out.
    """

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default=())
