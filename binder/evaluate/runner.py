"""Fill the matrix: every ordered pair of modalities, under every relevance rule, with its certificate.

The door of this room. Called by `binder.run.evaluate` with arrays; hands back a `Report`.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from binder.errors import MetricError
from binder.evaluate.calibration import Calibration, calibrate
from binder.evaluate.cell import Cell, measure_cell
from binder.evaluate.certificate import Training
from binder.evaluate.corrections import Comparison, Correction, compare
from binder.evaluate.diagnosis import diagnose
from binder.evaluate.findings import Findings
from binder.evaluate.headline import Measured, headlines
from binder.evaluate.inputs import EncodedModality, Rows
from binder.evaluate.items import Items, collapse
from binder.evaluate.ranks import rank_table
from binder.evaluate.relevance import RelevanceRule, RuleSpec, relate, relevance_rules
from binder.evaluate.report import Report
from binder.evaluate.scoring import Question
from binder.metrics import CONFIDENCE, check_pools
from binder.towers.ledger import Ledger


def evaluate_space(
    encoded: Mapping[str, EncodedModality],
    rows: Rows,
    *,
    relevance: RuleSpec | RelevanceRule | Sequence[RuleSpec | RelevanceRule],
    ledgers: Mapping[str, Ledger],
    hub_fingerprint: str,
    hub_native: tuple[str, ...],
    num_bootstrap: int = 1000,
    seed: int = 0,
    pools: Sequence[int] = (),
    validation: tuple[Mapping[str, EncodedModality], Rows] | None = None,
    correction: Correction | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Score and certify every ordered pair of different modalities.

    Args:
        encoded: modality -> its vectors on the evaluation table.
        rows: the evaluation table's ids, groups and attributes.
        relevance: one rule or several, as `relevance_rules` takes them.
        ledgers: modality -> what its tower saw in training.
        hub_fingerprint: of the space's hub, transform included.
        hub_native: modalities that the hub embeds.
        num_bootstrap: draws of groups for every interval.
        seed: of draws and shuffles.
        pools: gallery sizes at which hit@k and MRR are foreseen too, each at least 2 (see `binder.metrics.pools`).
        validation: vectors and rows of a table that chose no score here, on which match probabilities are learned.
        correction: what the space carries; every cell is scored with it too, beside the raw score.
        progress: called with (cells done, cells in all) after each.

    Raises:
        MetricError: vectors that are not finite or not of unit norm, sizes that do not fit, an
            attribute that the table does not have, a pool of fewer than two, or fewer than two modalities.
    """
    _check(encoded, hub_native)
    check_pools(tuple(pools))
    rules = relevance_rules(relevance, encoded)
    matrix = _Matrix(
        items={name: collapse(one, rows) for name, one in encoded.items()},
        rows=rows,
        training=Training(ledgers, hub_fingerprint=hub_fingerprint, hub_native=hub_native),
        num_bootstrap=num_bootstrap,
        seed=seed,
        pools=tuple(pools),
    )
    asked = [(*pair, rule) for rule in rules for pair in itertools.permutations(encoded, 2)]
    found = []
    for number, one in enumerate(asked, start=1):
        found.append(matrix.evaluate(*one))
        if progress is not None:
            progress(number, len(asked))
    measured = [one for one in found if isinstance(one, Measured)]
    return Report(
        cells=tuple(one.cell if isinstance(one, Measured) else one for one in found),
        headlines=headlines(measured, num_bootstrap=num_bootstrap, seed=seed),
        facts=_facts(matrix, rules),
        ranks=rank_table(measured, rows),
        findings=Findings(corrections=_corrected(measured, correction)),
        diagnosis=diagnose(measured, matrix.items, *_calibrations(validation, rules, seed), seed=seed),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Matrix:
    """What all cells of one evaluation have in common."""

    items: dict[str, Items]
    rows: Rows
    training: Training
    num_bootstrap: int
    seed: int
    pools: tuple[int, ...]

    def evaluate(self, query_name: str, gallery_name: str, rule: RelevanceRule) -> Measured | Cell:
        """Measure one cell, or say why it cannot be."""
        query, gallery = self.items[query_name], self.items[gallery_name]
        attributes = rule.shared(query_name, gallery_name)
        certificate = self.training.certify(query, gallery, self.rows, by_id="id" in attributes)
        empty = Cell(
            query=query_name,
            gallery=gallery_name,
            rule=rule.name,
            attributes=attributes,
            certificate=certificate,
            num_gallery=len(gallery),
            num_dropped=len(query),
        )
        why_not = rule.why_not(query_name, gallery_name)
        if why_not is not None:
            return replace(empty, why_not=why_not)
        question = Question(
            query=query,
            gallery=gallery,
            relevance=relate(query, gallery, attributes, self.rows, rule.gains),
            num_bootstrap=self.num_bootstrap,
            seed=self.seed,
            pools=self.pools,
        )
        if len(question.kept) == 0:
            counts = f"{len(query)} {query_name} queries has a relevant item among {len(gallery)} {gallery_name}"
            return replace(empty, why_not=f"none of {counts}")
        banks = [one for one in self.items.values() if one.native]
        cell, table = measure_cell(
            question, banks, self.rows, rule=rule.name, attributes=attributes, certificate=certificate
        )
        return Measured(cell=cell, question=question, table=table)


def _corrected(measured: Sequence[Measured], correction: Correction | None) -> tuple[Comparison, ...]:
    """Every cell whose two modalities the correction was fitted on, raw and corrected."""
    if correction is None:
        return ()
    known = set(correction.modalities)
    fitted = [one for one in measured if {one.cell.query, one.cell.gallery} <= known]
    return tuple(compare(one.question, correction, raw=one.table, rule=one.cell.rule) for one in fitted)


def _calibrations(
    validation: tuple[Mapping[str, EncodedModality], Rows] | None, rules: Sequence[RelevanceRule], seed: int
) -> tuple[list[Calibration], list[str]]:
    """What validation teaches under every rule, and why pairs are missing."""
    if validation is None:
        return [], []
    parts = [calibrate(*validation, rule, seed=seed) for rule in rules]
    return [one for found, _ in parts for one in found.values()], [line for _, lines in parts for line in lines]


def _check(encoded: Mapping[str, EncodedModality], hub_native: tuple[str, ...]) -> None:
    if len(encoded) < 2:
        raise MetricError.explain("nothing to compare", got=f"modalities {list(encoded)}", expected="at least two")
    dims = {name: one.vectors.shape[1] for name, one in encoded.items()}
    if len(set(dims.values())) > 1:
        raise MetricError.explain("modalities of different width", got=dims, expected="one space, one dim")
    for name, one in encoded.items():
        if name != one.name:
            raise MetricError.explain("modality under another's name", got=one.name, expected=name)
        if one.native and name not in hub_native:
            raise MetricError.explain(f"{name} is called native, but the hub does not embed it", choices=hub_native)


def _facts(matrix: _Matrix, rules: tuple[RelevanceRule, ...]) -> dict[str, Any]:
    modalities = matrix.items.items()
    return {
        "hub_fingerprint": matrix.training.hub_fingerprint,
        "hub_native": sorted(matrix.training.hub_native),
        "rows": len(matrix.rows),
        "modalities": {
            name: {"rows": len(one.rows), "items": len(one), "native": one.native} for name, one in modalities
        },
        "rules": [
            {
                "name": rule.name,
                "sees": {name: list(columns) for name, columns in rule.sees.items()},
                "gains": dict(rule.gains),
            }
            for rule in rules
        ],
        "num_bootstrap": matrix.num_bootstrap,
        "confidence": CONFIDENCE,
        "seed": matrix.seed,
        "pools": list(matrix.pools),
    }
