"""What a report says about the benchmark it answers. Floor: evaluate; called by `binder.run.benchmarks` and the CLI."""

from collections.abc import Mapping, Sequence
from typing import Any

from binder.evaluate.benchmarks.record import Benchmark, Headline
from binder.evaluate.report import Report

_AVERAGES = ("emergent, tower to tower", "emergent")  # the first that a report has


def benchmark_facts(
    record: Benchmark, report: Report, *, fingerprint: str, rows: int, left_out: Sequence[Mapping[str, Any]] | None
) -> dict[str, Any]:
    """Facts of a report that answers `record`, as JSON values.

    Args:
        record: the benchmark.
        report: of the evaluation.
        fingerprint: of the rows that were evaluated.
        rows: how many of them bring something other than text.
        left_out: what the preparation could not use; None where the table does not say.
    """
    absent = [name for name in record.columns if name not in report.facts["modalities"]]
    return {
        "name": record.name,
        "version": record.version,
        "record_hash": record.content_hash,
        "task": record.task,
        "table": {
            "verdict": "not measured" if record.table_hash is None else _agree(record.table_hash, fingerprint),
            "expected": record.table_hash,
            "found": fingerprint,
        },
        "rows": {"expected": record.rows, "found": rows},
        "left_out": None if left_out is None else len(left_out),
        "skipped": len(report.facts["skips"]),
        "absent_modalities": absent,
        "headline": {**record.headline.model_dump(), **_headline(record.headline, report, absent)},
    }


def benchmark_lines(facts: Mapping[str, Any]) -> list[str]:
    """The same in words, one remark a line; the first is the headline."""
    headline, rows = facts["headline"], facts["rows"]
    pair = f"{headline['query']} -> {headline['gallery']}" if headline["query"] else "average of emergent pairs"
    value = "no value: " + headline["why_not"] if headline["value"] is None else _with_bounds(headline)
    lines = [
        f"{facts['name']}-v{facts['version']}: {headline['metric']} of {pair}: {value}",
        _table_line(facts["table"]),
    ]
    if rows["expected"] is not None and rows["expected"] != rows["found"]:
        lines.append(f"{rows['found']} rows, where the published protocol has {rows['expected']}")
    if facts["left_out"]:
        lines.append(
            f"{facts['left_out']} samples of the official data were left out by the preparation (left_out.csv)"
        )
    if facts["skipped"]:
        lines.append(f"{facts['skipped']} samples could not be read and were skipped")
    if facts["absent_modalities"]:
        lines.append(f"the space does not embed {', '.join(facts['absent_modalities'])}")
    return lines


def _table_line(table: Mapping[str, Any]) -> str:
    if table["verdict"] == "matches":
        return f"the table is the one of the record ({table['found'][:8]})"
    if table["verdict"] == "differs":
        return f"the table DIFFERS from the record's: {table['found'][:8]}, expected {table['expected'][:8]}"
    return f"nobody has measured the hash of the official table yet; here it is {table['found']}"


def _agree(expected: str, found: str) -> str:
    return "matches" if expected == found else "differs"


def _headline(headline: Headline, report: Report, absent: Sequence[str]) -> dict[str, Any]:
    """Value and interval, or why there is none."""
    if headline.query is None or headline.gallery is None:
        if absent:
            return _none(f"the average is over all modalities, and the space lacks {', '.join(absent)}")
        averages = {one.name: one for one in report.headlines}
        chosen = next((averages[name] for name in _AVERAGES if name in averages), None)
        if chosen is None or headline.metric not in chosen.metrics:
            return _none("no pair is certified emergent")
        return {**_estimate(chosen.metrics[headline.metric]), "certificate": "emergent"}
    cell = report.cell(headline.query, headline.gallery)
    if cell.why_not is not None:
        return _none(cell.why_not)
    return {**_estimate(cell.metrics[headline.metric]), "certificate": cell.certificate.status}


def _estimate(estimate: Any) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _none(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "why_not": why}


def _with_bounds(headline: Mapping[str, Any]) -> str:
    bounds = "" if headline["low"] is None else f" [{headline['low']:.3f}, {headline['high']:.3f}]"
    return f"{headline['value']:.3f}{bounds}, {headline['certificate']}"
