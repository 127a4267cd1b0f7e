"""Slow, obvious re-derivations that tests compare binder with: loops straight from the definitions."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

TIE = 1e-6  # scores that differ by no more are equal


def ranks_of_relevant(similarity: Sequence[float], relevant: Sequence[bool]) -> list[float]:
    """Rank of every relevant item of one query, best first; half of the tied irrelevant items come first."""
    answers = sorted((s for s, r in zip(similarity, relevant, strict=True) if r), reverse=True)
    others = [s for s, r in zip(similarity, relevant, strict=True) if not r]
    ranks = []
    for order, score in enumerate(answers, start=1):
        greater = sum(1 for other in others if other - score > TIE)
        equal = sum(1 for other in others if abs(other - score) <= TIE)
        ranks.append(order + greater + equal / 2)
    return ranks


def retrieval_by_loops(similarity: np.ndarray, relevant: np.ndarray, ks: tuple[int, ...]) -> list[dict[str, float]]:
    """Every metric of every query, one loop per definition."""
    table = []
    for scores, answers in zip(similarity.tolist(), relevant.tolist(), strict=True):
        ranks = ranks_of_relevant(scores, answers)
        row = {}
        for k in ks:
            inside = [rank for rank in ranks if rank <= k]
            row[f"hit@{k}"] = 1.0 if inside else 0.0
            row[f"recall@{k}"] = len(inside) / len(ranks)
        row["mAP"] = sum(order / rank for order, rank in enumerate(ranks, start=1)) / len(ranks)
        first = [rank for rank in ranks if rank <= len(ranks)]
        row["R-precision"] = len(first) / len(ranks)
        row["mAP@R"] = sum(order / rank for order, rank in enumerate(first, start=1)) / len(ranks)
        if len(scores) >= 10:
            row["nDCG@10"] = ndcg_of_every_order(scores, [float(answer) for answer in answers])
        row["MRR"] = 1 / ranks[0]
        row["best_rank"] = ranks[0]
        table.append(row)
    return table


def ndcg_of_every_order(scores: Sequence[float], gains: Sequence[float], k: int = 10) -> float:
    """nDCG@k, where items that tie take each other's places in turn: their gains are averaged."""

    def dcg(ordered: Sequence[float]) -> float:
        return sum(gain / math.log2(1 + place) for place, gain in enumerate(ordered[:k], start=1))

    averaged = []
    for score in sorted(scores, reverse=True):
        tied = [gain for other, gain in zip(scores, gains, strict=True) if abs(other - score) <= TIE]
        averaged.append(sum(tied) / len(tied))
    return dcg(averaged) / dcg(sorted(gains, reverse=True))


def pool_by_enumeration(scores: Sequence[float], relevant: Sequence[bool], size: int) -> dict[str, float]:
    """Mean metrics over every pool of this size that holds an answer."""
    rows = []
    for pool in itertools.combinations(range(len(scores)), size):
        answers = [relevant[i] for i in pool]
        if any(answers):
            best = ranks_of_relevant([scores[i] for i in pool], answers)[0]
            rows.append({**{f"hit@{k}": float(best <= k) for k in (1, 5, 10) if k <= size}, "MRR": 1 / best})
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in rows[0]}


def chance_by_enumeration(num_gallery: int, num_relevant: int, ks: tuple[int, ...]) -> dict[str, float]:
    """Mean metrics over every equally likely set of places that the relevant items can take."""
    totals: dict[str, list[float]] = {}
    for places in itertools.combinations(range(1, num_gallery + 1), num_relevant):
        row = {"mAP": sum(i / rank for i, rank in enumerate(places, start=1)) / num_relevant, "MRR": 1 / places[0]}
        inside = [place for place in places if place <= num_relevant]
        row["R-precision"] = len(inside) / num_relevant
        row["mAP@R"] = sum(i / rank for i, rank in enumerate(inside, start=1)) / num_relevant
        for k in ks:
            row[f"hit@{k}"] = float(places[0] <= k)
            row[f"recall@{k}"] = sum(rank <= k for rank in places) / num_relevant
        row["median_rank"] = float(places[0])
        for name, value in row.items():
            totals.setdefault(name, []).append(value)
    return {name: float(np.median(v)) if name == "median_rank" else math.fsum(v) / len(v) for name, v in totals.items()}


def means_of_resampled_groups(values: list[float], groups: list[str], draws: list[list[str]]) -> list[float]:
    """Mean over queries when the groups in each draw are taken, with repetition, with all their queries."""
    means = []
    for draw in draws:
        taken = [value for name in draw for value, group in zip(values, groups, strict=True) if group == name]
        means.append(math.fsum(taken) / len(taken))
    return means


def relevant_by_loops(query_values: list[list[tuple]], gallery_values: list[list[tuple]]) -> np.ndarray:
    """Items hold the attribute tuples of their rows; two agree where any two rows do, and None agrees with nothing."""
    matrix = np.zeros((len(query_values), len(gallery_values)), bool)
    for i, own in enumerate(query_values):
        for j, other in enumerate(gallery_values):
            matrix[i, j] = any(a == b and None not in a for a in own for b in other)
    return matrix


def two_hop_by_loops(query: np.ndarray, bank: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Similarity of every gallery item to the bank item that is nearest to each query."""
    similarity = np.zeros((len(query), len(gallery)), np.float32)
    for i, vector in enumerate(query):
        best = max(range(len(bank)), key=lambda j: float(vector @ bank[j]))
        for g, item in enumerate(gallery):
            similarity[i, g] = bank[best] @ item
    return similarity
