"""Ranks of the relevant items of every query, and the retrieval metrics read off them.

Used by `binder.evaluate.cell` and by the trainer's validation. Ties take the middle: a relevant item
ranks after every more similar irrelevant item and after half of the irrelevant ones that tie with it.
Relevant items never push each other down (their order cannot matter), so an oracle that gives all
answers the same score still gets 1.0, while a collapsed space, where everything ties, does not.
With one relevant item in a tie this is the usual mid-rank, 1 + #greater + #equal / 2.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from binder.errors import MetricError

CUTOFFS = (1, 5, 10)
_BLOCK_CELLS = 2**21  # similarity cells ranked at once: about 40 MB of temporaries


@dataclass(frozen=True, kw_only=True, eq=False)
class RankTable:
    """Metrics of every query; `means` averages them.

    Attributes:
        ks: the cut-offs, in the order of the columns of `hit` and `recall`.
        num_relevant: relevant items in the gallery, at least one.
        best_rank: of the first relevant item, from 1; halves come from ties.
        hit: 1.0 where a relevant item is among the k most similar.
        recall: relevant items among the k most similar / all relevant items.
        average_precision: over all relevant items.
    """

    ks: tuple[int, ...]
    num_relevant: Int64[np.ndarray, " query"]
    best_rank: Float64[np.ndarray, " query"]
    hit: Float64[np.ndarray, "query cutoff"]
    recall: Float64[np.ndarray, "query cutoff"]
    average_precision: Float64[np.ndarray, " query"]

    def __len__(self) -> int:
        return len(self.best_rank)

    @property
    def reciprocal_rank(self) -> Float64[np.ndarray, " query"]:
        """1 / rank of the first relevant item."""
        return 1 / self.best_rank

    def columns(self) -> dict[str, Float64[np.ndarray, " query"]]:
        """The metrics whose mean over queries is reported, by name: hit@k, recall@k, mAP, MRR."""
        hits = {f"hit@{k}": self.hit[:, i] for i, k in enumerate(self.ks)}
        recalls = {f"recall@{k}": self.recall[:, i] for i, k in enumerate(self.ks)}
        return {**hits, **recalls, "mAP": self.average_precision, "MRR": self.reciprocal_rank}

    def means(self) -> dict[str, float]:
        """Mean of every column, and the median over queries of the best rank."""
        means = {name: float(values.mean()) for name, values in self.columns().items()}
        return {**means, "median_rank": float(np.median(self.best_rank))}

    @classmethod
    def concatenate(cls, tables: "Iterable[RankTable]") -> "RankTable":
        """One table of all queries, in order."""
        parts = list(tables)
        assert parts and all(part.ks == parts[0].ks for part in parts)
        names = ("num_relevant", "best_rank", "hit", "recall", "average_precision")
        return cls(ks=parts[0].ks, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def rank_metrics(
    similarity: Float32[np.ndarray, "query gallery"],
    relevant: Bool[np.ndarray, "query gallery"],
    ks: tuple[int, ...] = CUTOFFS,
) -> RankTable:
    """Rank the gallery for every query and score it.

    Args:
        similarity: higher is closer; any scale.
        relevant: True where the gallery item answers the query; several per row allowed.
        ks: cut-offs, each 1 <= k <= gallery.

    Raises:
        MetricError: an empty side, NaN or infinite similarity, a k out of range, or a query without
            any relevant item (drop and count those first: they have no rank).
    """
    _check_matrices(similarity, relevant)
    step = rows_per_block(similarity.shape[1])
    starts = range(0, len(similarity), step)
    return rank_blocks(((similarity[i : i + step], relevant[i : i + step]) for i in starts), ks)


def rank_blocks(
    blocks: Iterable[tuple[Float32[np.ndarray, "_ gallery"], Bool[np.ndarray, "_ gallery"]]], ks: tuple[int, ...]
) -> RankTable:
    """Like `rank_metrics`, for queries that arrive a block at a time, so that no full matrix need exist."""
    return RankTable.concatenate(
        _rank_block(similarity, relevant, ks, offset) for similarity, relevant, offset in _with_offsets(blocks)
    )


def rows_per_block(num_gallery: int) -> int:
    """How many queries to rank at once against a gallery of this size."""
    return max(1, _BLOCK_CELLS // max(1, num_gallery))


def retrieval_scores(
    query_vectors: Float32[np.ndarray, "query dim"],
    gallery_vectors: Float32[np.ndarray, "gallery dim"],
    relevant: Bool[np.ndarray, "query gallery"],
) -> dict[str, float]:
    """Mean metrics of cosine retrieval between unit vectors, as `RankTable.means` names them.

    Cut-offs larger than the gallery are left out.
    """
    ks = tuple(k for k in CUTOFFS if k <= len(gallery_vectors))
    step = rows_per_block(len(gallery_vectors))
    starts = range(0, len(query_vectors), step)
    blocks = ((query_vectors[i : i + step] @ gallery_vectors.T, relevant[i : i + step]) for i in starts)
    if len(query_vectors) == 0 or len(gallery_vectors) == 0:
        _check_matrices(np.zeros(relevant.shape, np.float32), relevant)
    return rank_blocks(blocks, ks).means()


def _with_offsets(blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    offset = 0
    for similarity, relevant in blocks:
        yield similarity, relevant, offset
        offset += len(similarity)


def _rank_block(similarity: np.ndarray, relevant: np.ndarray, ks: tuple[int, ...], offset: int) -> RankTable:
    _check_matrices(similarity, relevant, offset)
    _check_cutoffs(ks, similarity.shape[1])
    ranks, order, num_relevant = _relevant_ranks(similarity, relevant)
    first = np.concatenate([[0], np.cumsum(num_relevant)[:-1]])  # where each query's ranks start
    best = np.minimum.reduceat(ranks, first)
    inside = np.stack([np.add.reduceat((ranks <= k).astype(np.float64), first) for k in ks], axis=1)
    return RankTable(
        ks=tuple(ks),
        num_relevant=num_relevant,
        best_rank=best,
        hit=(inside > 0).astype(np.float64),
        recall=inside / num_relevant[:, None],
        average_precision=np.add.reduceat(order / ranks, first) / num_relevant,
    )


def _relevant_ranks(similarity: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank of every relevant item among all, and its order among the relevant, query after query.

    Sorting keys that begin with the query number makes one flat sorted array of the whole block, in
    which one binary search counts what is greater or equal for all relevant items at once.
    """
    num_queries, num_gallery = similarity.shape
    query_key = np.arange(num_queries, dtype=np.int64)[:, None] << 32
    everything = (query_key + _sortable(np.sort(similarity, axis=1))).ravel()
    num_relevant = relevant.sum(axis=1, dtype=np.int64)
    query = np.repeat(np.arange(num_queries), num_relevant)
    answers = np.sort((query << 32) + _sortable(similarity[relevant]))
    ends = np.cumsum(num_relevant)[query]
    irrelevant_greater = (query + 1) * num_gallery - np.searchsorted(everything, answers, "right")
    irrelevant_greater -= ends - np.searchsorted(answers, answers, "right")
    irrelevant_not_less = (query + 1) * num_gallery - np.searchsorted(everything, answers, "left")
    irrelevant_not_less -= ends - np.searchsorted(answers, answers, "left")
    order = ends - np.arange(len(answers))
    return order + (irrelevant_greater + irrelevant_not_less) / 2, order, num_relevant


def _sortable(values: np.ndarray) -> np.ndarray:
    """Integers in the order of the float32 `values`: equal where they are equal (0.0 and -0.0 too)."""
    bits = (values + np.float32(0)).view(np.int32).astype(np.int64)  # -0.0 + 0.0 = 0.0
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)  # the sign bit of a float is not two's complement


def _check_matrices(similarity: np.ndarray, relevant: np.ndarray, offset: int = 0) -> None:
    if similarity.shape != relevant.shape or similarity.ndim != 2:
        raise MetricError.explain(
            "similarity and relevance differ in shape", got=f"{similarity.shape} and {relevant.shape}"
        )
    if similarity.dtype != np.float32:
        raise MetricError.explain("similarity of another type", got=similarity.dtype, expected="float32")
    if 0 in similarity.shape:
        raise MetricError.explain("nothing to rank", got=f"(queries, gallery) = {similarity.shape}")
    if not np.isfinite(similarity).all():
        bad = np.flatnonzero(~np.isfinite(similarity).all(axis=1)) + offset
        raise MetricError.explain(
            "similarity is NaN or infinite", got=f"in {len(bad)} queries, first {bad[:5].tolist()}"
        )
    lonely = np.flatnonzero(~relevant.any(axis=1)) + offset
    if len(lonely):
        raise MetricError.explain(
            "queries without a relevant item",
            got=f"{len(lonely)} of them, first {lonely[:5].tolist()}",
            fix="drop them before ranking and report how many were dropped",
        )


def _check_cutoffs(ks: tuple[int, ...], num_gallery: int) -> None:
    bad = [k for k in ks if not 1 <= k <= num_gallery]
    if bad or not ks:
        raise MetricError.explain("cut-off out of range", got=bad or "no cut-off", expected=f"1 <= k <= {num_gallery}")
