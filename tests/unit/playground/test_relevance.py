"""The truth that evaluation relies on: an oracle scores 1.0, and the README says what the code says."""

from itertools import combinations
from pathlib import Path

import numpy as np

import binder.playground
from binder.playground import VISIBLE

CHANCE_LIMIT = 0.15  # a random vector's hit rate at 1 must leave room to show something


def relevance(rows: list[dict], shared: list[str]) -> np.ndarray:
    return np.array([[all(a[name] == b[name] for name in shared) for b in rows] for a in rows])


def oracle_vectors(rows: list[dict], shared: list[str]) -> np.ndarray:
    """One-hot codes of the shared attributes, side by side, unit norm."""
    parts = []
    for name in shared:
        values = sorted({row[name] for row in rows})
        parts.append(np.eye(len(values))[[values.index(row[name]) for row in rows]])
    return np.concatenate(parts, axis=1) / np.sqrt(len(shared))


def test_oracle_scores_one_and_chance_is_low_for_every_pair(small_rows):
    rows = [row for row in small_rows if row["split"] == "test"]
    pairs = list(combinations(VISIBLE, 2))
    assert len(pairs) == 15
    for query, gallery in pairs:
        shared = [name for name in VISIBLE[query] if name in VISIBLE[gallery]]
        assert len(shared) >= 2, (query, gallery)
        relevant = relevance(rows, shared)
        assert relevant.diagonal().all()  # at least the same moment answers every query
        vectors = oracle_vectors(rows, shared)
        similarity = vectors @ vectors.T
        for number in range(len(rows)):  # every gallery item that ties for first place is relevant
            first = similarity[number] > similarity[number].max() - 1e-9
            assert relevant[number, first].all()
        assert relevant.mean() < CHANCE_LIMIT, (query, gallery, relevant.mean())


def test_images_see_all_that_any_sensor_sees():
    """Sensors are trained against images only: nothing else could reach the shared space."""
    for sensor, names in VISIBLE.items():
        assert set(names) <= set(VISIBLE["image"]), sensor


def test_readme_table_is_the_code_table():
    readme = (Path(binder.playground.__file__).parent / "README.md").read_text(encoding="utf-8")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in readme.splitlines() if line[:1] == "|"]
    header, rows = table[0], {row[0]: row for row in table[2:] if row[0] in VISIBLE}
    assert len(rows) == len(VISIBLE) == 6
    for sensor, row in rows.items():
        seen = tuple(name for name, cell in zip(header, row, strict=True) if cell == "yes")
        assert seen == VISIBLE[sensor]
