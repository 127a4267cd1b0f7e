"""Why a cell scores what it scores: geometry, legs through the hub, calibration, examples. Called by `runner`.

Nothing of it enters a score; a reader looks here after the matrix has raised a question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from binder.evaluate.calibration import Calibration, CalibrationCheck, check_calibration
from binder.evaluate.decomposition import Decomposition, Scored, decompose
from binder.evaluate.examples import Example, choose_examples
from binder.evaluate.geometry import PairGeometry, Shape, pair_geometry, shape
from binder.evaluate.headline import Measured
from binder.evaluate.items import Items
from binder.evaluate.pair_scores import PairScores, pair_scores
from binder.evaluate.projection import SpaceMap, space_maps

HIT = "hit@1"


@dataclass(frozen=True, kw_only=True)
class CellDiagnosis:
    """What stands behind one cell.

    Attributes:
        query: who asks.
        gallery: who answers.
        rule: name of the relevance rule.
        geometry: how the two modalities lie to each other.
        legs: the cell by way of each hub modality; none for a cell that the hub takes part in.
        calibration: how probabilities learned on validation came true; None without validation.
        examples: queries with their first hits.
    """

    query: str
    gallery: str
    rule: str
    geometry: PairGeometry
    legs: tuple[Decomposition, ...]
    calibration: CalibrationCheck | None
    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What stands behind a report.

    Attributes:
        cells: of every cell that was evaluated.
        shapes: of every modality.
        maps: flat pictures of the space.
        calibrations: what validation taught about every pair; how a search reads scores.
        notes: pairs that could not be calibrated, and why.
    """

    cells: tuple[CellDiagnosis, ...] = ()
    shapes: tuple[Shape, ...] = ()
    maps: tuple[SpaceMap, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    notes: tuple[str, ...] = ()

    def cell(self, query: str, gallery: str, rule: str) -> CellDiagnosis | None:
        """What stands behind one cell; None where it was not evaluated."""
        wanted = (query, gallery, rule)
        return next((one for one in self.cells if (one.query, one.gallery, one.rule) == wanted), None)


def diagnose(
    measured: Sequence[Measured],
    items: Mapping[str, Items],
    calibrations: Sequence[Calibration],
    notes: Sequence[str],
    *,
    seed: int,
) -> Diagnosis:
    """Look behind every cell.

    Args:
        measured: finished cells.
        items: modality -> its items.
        calibrations: learned on validation; may be none.
        notes: on those that are missing.
        seed: of what is drawn.
    """
    learned = {(one.query, one.gallery, one.rule): one for one in calibrations}
    scores = {
        _key(one): pair_scores(one.question, one.question.query.vectors, one.question.gallery.vectors)
        for one in measured
    }
    scored = {_key(one): _scored(one, found) for one in measured if (found := scores[_key(one)]) is not None}
    native = [name for name, one in items.items() if one.native]
    cells = (
        CellDiagnosis(
            query=one.cell.query,
            gallery=one.cell.gallery,
            rule=one.cell.rule,
            geometry=pair_geometry(one.question, scores[_key(one)]),
            legs=_legs(_key(one), scored, native),
            calibration=_check(learned.get(_key(one)), scores[_key(one)], one.cell.num_gallery),
            examples=choose_examples(one.question, one.table),
        )
        for one in measured
    )
    return Diagnosis(
        cells=tuple(cells),
        shapes=tuple(shape(one, seed=seed) for one in items.values()),
        maps=space_maps(list(items.values()), seed=seed),
        calibrations=tuple(calibrations),
        notes=tuple(notes),
    )


_Key = tuple[str, str, str]


def _key(one: Measured) -> _Key:
    return one.cell.query, one.cell.gallery, one.cell.rule


def _scored(one: Measured, scores: PairScores) -> Scored:
    cell = one.cell
    return Scored(question=one.question, scores=scores, hit=cell.metrics[HIT].value, chance=cell.chance[HIT])


def _legs(key: _Key, scored: Mapping[_Key, Scored], native: Sequence[str]) -> tuple[Decomposition, ...]:
    query, gallery, rule = key
    if key not in scored or query in native or gallery in native:
        return ()
    pairs = (((query, via, rule), (via, gallery, rule)) for via in native)
    found = [decompose(scored[key], scored[a], scored[b]) for a, b in pairs if a in scored and b in scored]
    return tuple(one for one in found if one is not None)


def _check(calibration: Calibration | None, scores: PairScores | None, num_gallery: int) -> CalibrationCheck | None:
    if calibration is None or scores is None:
        return None
    return check_calibration(calibration, scores, num_gallery)
