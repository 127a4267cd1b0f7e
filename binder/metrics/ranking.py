"""Ranks of the relevant items of every query: exact, blocked, from sparse relevance. Floor: metrics.

Used by `binder.evaluate` and by the trainer's validation. Ties take the middle: a relevant item ranks after every more
similar irrelevant item and after half of the irrelevant ones that tie with it. Relevant items never push each other
down (their order cannot matter), so an oracle that gives all answers the same score still gets 1.0, while a collapsed
space, where everything ties, does not. With one relevant item in a tie this is the usual mid-rank,
1 + #greater + #equal / 2. Scores tie that differ by no more than float32 rounding may make them (`TOLERANCE`).
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import csr_array

from binder.errors import MetricError
from binder.metrics.counting import (
    FEW,
    TOLERANCE,
    SortedRows,
    exceeding_among,
    exceeding_both_ways,
    exceeding_by_comparing,
    limits,
    product,
)
from binder.metrics.pools import check_pools
from binder.metrics.relevant import Relevance
from binder.metrics.table import CUTOFFS, RankTable, rank_table

_BLOCK_CELLS = 2**21  # similarity cells ranked at once: about 60 MB of temporaries where rows are sorted
_PRODUCT_CELLS = 2**23  # computed at once: a product of few rows is slow


def rank_metrics(
    similarity: Float32[np.ndarray, "query gallery"],
    relevant: Bool[np.ndarray, "query gallery"] | csr_array | Relevance,
    ks: tuple[int, ...] = CUTOFFS,
    *,
    pools: tuple[int, ...] = (),
    tolerance: float = TOLERANCE,
) -> RankTable:
    """Rank the gallery for every query and score it.

    Args:
        similarity: higher is closer.
        relevant: nonzero where the gallery item answers the query; several per row allowed.
        ks: cut-offs, each 1 <= k <= gallery.
        pools: sizes of pools to foresee (see `binder.metrics.pools`), 2 to gallery.
        tolerance: differences of similarity that are a tie; the default is for cosines, so scale it with them.

    Raises:
        MetricError: an empty side, NaN or infinite similarity, a k or a pool out of range, or a query without
            any relevant item (drop and count those first: they have no rank).
    """
    relevance = Relevance.of(relevant)
    if similarity.shape != relevance.shape:
        raise MetricError.explain(
            "similarity and relevance differ in shape", got=f"{similarity.shape} and {relevance.shape}"
        )
    _check_sizes(similarity.shape, ks, pools)
    blocks = _in_blocks(similarity, rows_per_block(similarity.shape[1]))
    return _rank_blocks(blocks, relevance, (), ks, pools, tolerance)[0]


def rank_vectors(
    query: Float32[np.ndarray, "query dim"],
    gallery: Float32[np.ndarray, "item dim"],
    relevance: Relevance,
    *,
    shuffles: Sequence[Int64[np.ndarray, " item"]] = (),
    pools: tuple[int, ...] = (),
) -> list[RankTable]:
    """Rank a gallery of vectors by dot product, a block at a time, with the cut-offs that it allows.

    Args:
        query: unit vectors.
        gallery: unit vectors.
        relevance: between the two.
        shuffles: permutations of the gallery; its vectors change owners, and it is ranked again.
        pools: see `rank_metrics`; not for shuffles.

    Returns:
        One table, and one more for each shuffle.

    Raises:
        MetricError: as `rank_metrics`, or NaN among the vectors.
    """
    ks = _check_vectors(query, gallery, relevance, pools)
    return _rank_blocks(_similarities(query, gallery), relevance, shuffles, ks, pools, TOLERANCE)


def rank_both(
    a: Float32[np.ndarray, "query dim"], b: Float32[np.ndarray, "item dim"], relevance: Relevance
) -> tuple[RankTable, RankTable]:
    """Rank b for every a, and a for every b: from one matrix product where neither has more than a few answers.

    Args:
        a: unit vectors.
        b: unit vectors.
        relevance: of `b` for `a`; every one of either side needs an answer.

    Raises:
        MetricError: as `rank_vectors`.
    """
    back = relevance.T
    most, most_back = relevance.most_answers(), back.most_answers()
    if max(most.max(initial=0), most_back.max(initial=0)) > FEW:
        return rank_vectors(a, b, relevance)[0], rank_vectors(b, a, back)[0]
    ks, back_ks = _check_vectors(a, b, relevance), _check_vectors(b, a, back)
    _check_answered(most)
    _check_answered(most_back)
    answers = relevance.matrix().tocoo()
    row, column = (one.astype(np.int64) for one in answers.coords)
    scores = _pair_scores(a, b, row, column)
    limit = limits(scores, TOLERANCE)
    forward, backward = exceeding_both_ways(a, b, row, column, limit)
    by_column = np.argsort(column, kind="stable")
    sides = ((row, forward, slice(None), len(b), ks), (column, backward, by_column, len(a), back_ks))
    there, again = (
        rank_table(
            group[order],
            scores[order],
            answers.data[order],
            irrelevant[order],
            exceeding_among(group[order], scores[order], limit[order]),
            num_gallery=num_gallery,
            ks=cutoffs,
            pools=(),
        )
        for group, irrelevant, order, num_gallery, cutoffs in sides
    )
    return there, again


def cutoffs_within(num_gallery: int) -> tuple[int, ...]:
    """The usual cut-offs that a gallery of this size allows."""
    return tuple(k for k in CUTOFFS if k <= num_gallery)


def rows_per_block(num_gallery: int) -> int:
    """How many queries to rank at once against a gallery of this size."""
    return max(1, _BLOCK_CELLS // max(1, num_gallery))


def similarity_blocks(
    query: Float32[np.ndarray, "query dim"], gallery: Float32[np.ndarray, "item dim"]
) -> Iterator[Float32[np.ndarray, "_ item"]]:
    """Rows of the matrix of dot products, some at a time: no more than 32 MB."""
    for part in _in_blocks(query, max(1, _PRODUCT_CELLS // max(1, len(gallery)))):
        yield product(part, gallery)


def _similarities(query: np.ndarray, gallery: np.ndarray) -> Iterator[np.ndarray]:
    for block in similarity_blocks(query, gallery):
        yield from _in_blocks(block, rows_per_block(len(gallery)))


def _in_blocks(rows: np.ndarray, step: int) -> Iterator[np.ndarray]:
    return (rows[i : i + step] for i in range(0, len(rows), step))


def _rank_blocks(
    blocks: Iterable[np.ndarray],
    relevance: Relevance,
    shuffles: Sequence[np.ndarray],
    ks: tuple[int, ...],
    pools: tuple[int, ...],
    tolerance: float,
) -> list[RankTable]:
    parts: list[list[RankTable]] = []
    most = relevance.most_answers()
    _check_answered(most)
    offset = 0
    for block in blocks:
        _check_finite(block, offset)
        own = slice(offset, offset + len(block))
        offset += len(block)
        answers = relevance[own].matrix().tocoo()
        ranked = SortedRows(block) if most[own].max() > FEW else None
        row, item = (one.astype(np.int64) for one in answers.coords)
        # moving vectors one way is moving answers the other way: one product, sorted once at most
        owners = [item, *(order[item] for order in shuffles)]
        tables = []
        for number, place in enumerate(owners):
            scores = block[row, place]
            limit = limits(scores, tolerance)
            every = exceeding_by_comparing(block, row, limit) if ranked is None else ranked.exceeding(row, limit)
            among = exceeding_among(row, scores, limit)
            tables.append(
                rank_table(
                    row,
                    scores,
                    answers.data,
                    every - among,
                    among,
                    num_gallery=block.shape[1],
                    ks=ks,
                    pools=() if number else pools,
                )
            )
        parts.append(tables)
    return [RankTable.concatenate(variant) for variant in zip(*parts, strict=True)]


def _pair_scores(a: np.ndarray, b: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Dot product of each answer with its query; may differ from the block's by rounding, which is a tie."""
    step = max(1, _BLOCK_CELLS // a.shape[1])
    starts = range(0, len(row), step)
    parts = [np.einsum("ij,ij->i", a[row[i : i + step]], b[column[i : i + step]]) for i in starts]
    return np.concatenate(parts)


def _check_vectors(
    query: np.ndarray, gallery: np.ndarray, relevance: Relevance, pools: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """The cut-offs, if all is well."""
    shape, ks = (len(query), len(gallery)), cutoffs_within(len(gallery))
    if shape != relevance.shape:
        raise MetricError.explain("vectors and relevance differ in size", got=f"{shape} and {relevance.shape}")
    _check_sizes(shape, ks, pools)
    for name, vectors in (("query", query), ("gallery", gallery)):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise MetricError.explain(
                f"{name} vectors are NaN or infinite", got=f"{len(bad)} of them, first {bad[:5].tolist()}"
            )
    return ks


def _check_sizes(shape: tuple[int, int], ks: tuple[int, ...], pools: tuple[int, ...]) -> None:
    if 0 in shape:
        raise MetricError.explain("nothing to rank", got=f"(queries, gallery) = {shape}", expected="at least one each")
    bad = [k for k in ks if not 1 <= k <= shape[1]]
    if bad or not ks:
        raise MetricError.explain("cut-off out of range", got=bad or "no cut-off", expected=f"1 <= k <= {shape[1]}")
    check_pools(pools, shape[1])


def _check_finite(block: np.ndarray, offset: int) -> None:
    if block.dtype != np.float32:
        raise MetricError.explain("not a float32 matrix", got=str(block.dtype), expected="float32 (query, gallery)")
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite) + offset
        raise MetricError.explain(
            "similarity is NaN or infinite", got=f"in {len(bad)} queries, first {bad[:5].tolist()}"
        )


def _check_answered(num_answers: np.ndarray) -> None:
    lonely = np.flatnonzero(num_answers == 0)
    if len(lonely):
        raise MetricError.explain(
            "queries without a relevant item",
            got=f"{len(lonely)} of them, first {lonely[:5].tolist()}",
            fix="drop them before ranking and report how many were dropped",
        )
