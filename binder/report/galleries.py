"""Queries with their first hits, shown as what they are: which cells, which examples, how many fit. Floor: report."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from binder.errors import BinderError
from binder.evaluate.calibration import Calibration
from binder.evaluate.cell import Cell
from binder.evaluate.examples import Example as Found
from binder.evaluate.examples import Hit
from binder.report.subject import Samples, Subject
from binder.report.words import arrow

CELLS, LATE, OF_A_KIND, HITS = 8, 2, 2, 4  # cells, the late among them; good and bad examples, hits of each
MOST_SHOWN = 160  # samples of a page
_KINDS = ("emergent", "tainted", "trained", "hub-native")
_WRAPPED = 600  # bytes of markup around a cell's examples


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A sample in its place.

    Attributes:
        title: "query", or the rank.
        sample: ready markup.
        told: what is known of its row.
        answers: whether it answers the query; None for the query.
        score: cosine and, where calibrated, match probability, in words.
    """

    title: str
    sample: Markup
    told: str
    answers: bool | None = None
    score: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query and the head of its list, ready to be drawn.

    Attributes:
        good: whether an answer came first.
        told: where the first answer stands.
        query: that asked.
        hits: most similar first; last the best placed answer, where it is not among the first.
    """

    good: bool
    told: str
    query: Shown
    hits: tuple[Shown, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Examples of one cell.

    Attributes:
        title: of the pair.
        status: of its certificate.
        told: its score.
        examples: ready markup.
    """

    title: str
    status: str
    told: str
    examples: tuple[Markup, ...]


def choose_galleries(subject: Subject) -> list[Cell]:
    """Cells to show: emergent ones, by turns of all modalities; last, what shows modalities that no other does."""
    if isinstance(subject.samples, str):
        return []
    report, samples = subject.report, subject.samples
    left = [
        cell
        for cell in report.cells
        if cell.rule == subject.rules[0] and cell.why_not is None and samples.can_show(cell.query)
        if samples.can_show(cell.gallery)
    ]
    seen, chosen = Counter[str](), list[Cell]()
    native = set(report.facts["hub_native"])
    while left and len(chosen) < CELLS:
        best = min(left, key=lambda cell: _order(cell, seen, native, late=len(chosen) >= CELLS - LATE))
        left.remove(best)
        chosen.append(best)
        seen.update((best.query, best.gallery))
    return chosen


def _order(cell: Cell, seen: Counter[str], native: set[str], *, late: bool) -> tuple:
    """Emergent cells come first, among them those whose modalities were shown least; late ones show new modalities."""
    sides = {cell.query, cell.gallery}
    old = len(sides & seen.keys()) if late else 0
    return old, _KINDS.index(cell.certificate.status), sum(seen[side] for side in sides), len(sides & native)


def fill(
    cells: Sequence[Cell], subject: Subject, *, room: int, draw: Callable[[Example], str]
) -> tuple[list[Gallery], str]:
    """Draw examples, the first of every cell before the second of any, as long as they fit into `room` bytes.

    Returns:
        A gallery for each cell of which something fits, and what is to be said of the rest.
    """
    if isinstance(subject.samples, str):
        return [], subject.samples
    room -= _WRAPPED * len(cells)
    drawn: dict[int, dict[tuple[str, int], Markup]] = {place: {} for place in range(len(cells))}
    num_shown, left_out, full = 0, 0, False
    for place, key, found in _in_turn(cells, subject):
        num_items = 1 + min(HITS, len(found.hits)) + (found.answer is not None)
        full = full or num_shown + num_items > MOST_SHOWN
        markup = "" if full else draw(_example(cells[place], found, subject, subject.samples))
        full = full or len(markup.encode()) > room
        if full:
            left_out += 1
            continue
        drawn[place][key] = Markup(markup)
        room, num_shown = room - len(markup.encode()), num_shown + num_items
    galleries = [
        _gallery(cell, [drawn[place][key] for key in sorted(drawn[place], reverse=True)])
        for place, cell in enumerate(cells)
        if drawn[place]
    ]
    return galleries, f"{left_out} examples were left out to keep the page small." if left_out else ""


def _in_turn(cells: Sequence[Cell], subject: Subject) -> Iterator[tuple[int, tuple[str, int], Found]]:
    """A good and a bad example of every cell, then the next of each."""
    for number in range(OF_A_KIND):
        for place, cell in enumerate(cells):
            diagnosis = subject.report.diagnosis.cell(cell.query, cell.gallery, cell.rule)
            for kind in ("good", "bad"):
                own = [one for one in (diagnosis.examples if diagnosis else ()) if one.kind == kind]
                if number < len(own):
                    yield place, (kind, -number), own[number]


def _gallery(cell: Cell, examples: list[Markup]) -> Gallery:
    hit = cell.metrics["hit@1"].value
    told = f"hit@1 {hit:.3f}, chance {cell.chance['hit@1']:.3f}, {cell.num_gallery:,} items to choose from"
    return Gallery(
        title=arrow(cell.query, cell.gallery), status=cell.certificate.status, told=told, examples=tuple(examples)
    )


def _example(cell: Cell, found: Found, subject: Subject, samples: Samples) -> Example:
    calibration = _calibration(cell, subject)
    shown = [(str(rank), hit) for rank, hit in enumerate(found.hits[:HITS], start=1)]
    if found.answer is not None:
        shown.append((f"first answer, rank {found.rank:g}", found.answer))
    return Example(
        good=found.kind == "good",
        told=f"first answer at rank {found.rank:g} of {cell.num_gallery:,}",
        query=_shown("query", cell.query, found.row, cell, samples),
        hits=tuple(
            _shown(title, cell.gallery, hit.row, cell, samples, hit, _score(hit, cell, calibration))
            for title, hit in shown
        ),
    )


def _shown(
    title: str, modality: str, row: int, cell: Cell, samples: Samples, hit: Hit | None = None, score: str = ""
) -> Shown:
    try:
        sample = Markup(samples.show(modality, row))
    except BinderError as error:  # a file that is gone is said in its place
        sample = Markup("<p>{}</p>").format(f"cannot be shown: {str(error).partition(chr(10))[0]}")
    answers = None if hit is None else hit.relevant
    return Shown(title=title, sample=sample, told=samples.tell(row, cell.attributes), answers=answers, score=score)


def _calibration(cell: Cell, subject: Subject) -> Calibration | None:
    wanted = (cell.query, cell.gallery, cell.rule)
    known = subject.report.diagnosis.calibrations
    return next((one for one in known if (one.query, one.gallery, one.rule) == wanted), None)


def _score(hit: Hit, cell: Cell, calibration: Calibration | None) -> str:
    if calibration is None or cell.num_gallery < 2:
        return f"cosine {hit.score:.3f}"
    relevant = min(cell.mean_relevant, cell.num_gallery - 1)
    likely = calibration.model.probability(np.array([hit.score]), num_gallery=cell.num_gallery, num_relevant=relevant)
    return f"cosine {hit.score:.3f}, match {float(likely[0]):.0%}"
