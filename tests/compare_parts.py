"""Reports of small spaces that differ in how well their towers know the class. For tests of comparisons."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from evaluate_parts import class_space, encode

from binder.evaluate import Report, evaluate_space


@lru_cache
def make_report(
    noise=0.6, *, seed=0, table="table-1", groups=24, num=72, drop=0, relevance="label", **changed
) -> Report:
    """One report; `noise` and `seed` change the imu tower alone, so that hub and depth stay the same."""
    encoded, rows, ledgers = class_space(num=num, classes=6, groups=groups)
    other = np.random.default_rng(seed + 100).normal(size=(num, 32))
    text = encoded["text"].vectors  # of the row's class
    encoded["imu"] = encode("imu", text + noise / 3 * other)
    encoded |= changed
    if drop:
        depth = encoded["depth"]
        encoded["depth"] = encode("depth", depth.vectors[drop:], rows=depth.rows[drop:], content=depth.content[drop:])
    report = evaluate_space(
        encoded, rows, relevance=relevance, ledgers=ledgers, hub_fingerprint="hub-1",
        hub_native=("text", "image"), num_bootstrap=20,
    )  # fmt: skip
    return replace(report, facts={**report.facts, "table_fingerprint": table})


def per_query(report: Report, query: str, gallery: str, column: str = "average_precision") -> dict:
    """Content -> (value, group) of one cell."""
    return {
        row["content"]: (row[column], row["group"])
        for row in report.ranks.to_pylist()
        if (row["query"], row["gallery"]) == (query, gallery)
    }
