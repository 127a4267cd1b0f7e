"""Numbers and names as a reader gets them, one way everywhere in a report. Floor: report."""

from collections.abc import Iterable, Sequence

from binder.evaluate.cell import Cell
from binder.evaluate.scoring import Estimate
from binder.report.blocks import Entry, Remark

LONGEST_NAME, LONGEST_REMARK, MOST_MEMBERS = 60, 400, 12
MARKS = {"emergent": "E", "trained": "T", "hub-native": "H", "tainted": "!"}


def short(text: str, most: int = LONGEST_NAME) -> str:
    """A user's name, cut where it is longer than a page bears."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def arrow(query: str, gallery: str) -> str:
    """A pair, in the direction of the question."""
    return f"{short(query)} → {short(gallery)}"


def bounds(estimate: Estimate) -> str:
    """The interval, or nothing where there is none."""
    return "" if estimate.low is None or estimate.high is None else f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def estimated(estimate: Estimate | None) -> Entry:
    """A value over its interval."""
    if estimate is None:
        return Entry(text="-")
    return Entry(text=f"{estimate.value:.3f}", note=bounds(estimate), order=estimate.value)


def number(value: float | int | None, form: str = ".3f") -> Entry:
    """A value without an interval."""
    return Entry(text="-") if value is None else Entry(text=format(value, form), order=float(value))


def pair_entry(cell: Cell) -> Entry:
    """A cell's name."""
    return Entry(text=arrow(cell.query, cell.gallery))


def pairs_named(pairs: Iterable[tuple[str, str, str]], rules: Sequence[str]) -> list[str]:
    """Names of (query, gallery, rule), with the rule where there are several."""
    return [arrow(a, c) + (f" ({short(rule)})" if len(rules) > 1 else "") for a, c, rule in pairs]


def gathered(remarks: Iterable[tuple[str, str]]) -> tuple[Remark, ...]:
    """(sentence, cell) pairs as one remark for each sentence, with the cells it is about."""
    members: dict[str, dict[str, None]] = {}
    for text, name in remarks:
        members.setdefault(short(text, LONGEST_REMARK), {})[name] = None  # once, though under several rules
    found = []
    for text, cells in members.items():
        names = [*cells]
        more = [f"and {len(names) - MOST_MEMBERS} more"] if len(names) > MOST_MEMBERS else []
        found.append(Remark(text=text, about=(*names[:MOST_MEMBERS], *more)))
    return tuple(found)
