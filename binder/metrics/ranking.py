"""Ranks of the relevant items of every query, and the retrieval metrics read off them.

Used by `binder.evaluate.cell` and by the trainer's validation. Ties take the middle: a relevant item
ranks after every more similar irrelevant item and after half of the irrelevant ones that tie with it.
Relevant items never push each other down (their order cannot matter), so an oracle that gives all
answers the same score still gets 1.0, while a collapsed space, where everything ties, does not.
With one relevant item in a tie this is the usual mid-rank, 1 + #greater + #equal / 2.
"""

from collections.abc import Iterable, Sequence
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
    _check_not_empty(similarity.shape)
    step = rows_per_block(similarity.shape[1])
    starts = range(0, len(similarity), step)
    return rank_blocks(((similarity[i : i + step], relevant[i : i + step]) for i in starts), ks)


def rank_blocks(
    blocks: Iterable[tuple[Float32[np.ndarray, "_ gallery"], Bool[np.ndarray, "_ gallery"]]], ks: tuple[int, ...]
) -> RankTable:
    """Like `rank_metrics`, for queries that arrive a block at a time, so that no full matrix need exist."""
    return rank_variants(((similarity, [relevant]) for similarity, relevant in blocks), ks)[0]


def rank_variants(
    blocks: Iterable[tuple[Float32[np.ndarray, "_ gallery"], Sequence[Bool[np.ndarray, "_ gallery"]]]],
    ks: tuple[int, ...],
) -> list[RankTable]:
    """Score the same similarities against several relevances, sorting them once: one table per relevance."""
    parts: list[list[RankTable]] = []
    offset = 0
    for similarity, relevances in blocks:
        ranked = _SortedBlock(similarity, offset)
        parts.append([_rank_block(ranked, relevant, ks) for relevant in relevances])
        offset += len(similarity)
    return [RankTable.concatenate(variant) for variant in zip(*parts, strict=True)]


def cutoffs_within(num_gallery: int) -> tuple[int, ...]:
    """The usual cut-offs that a gallery of this size allows."""
    return tuple(k for k in CUTOFFS if k <= num_gallery)


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
    _check_not_empty(relevant.shape)
    ks = cutoffs_within(len(gallery_vectors))
    step = rows_per_block(len(gallery_vectors))
    starts = range(0, len(query_vectors), step)
    blocks = ((query_vectors[i : i + step] @ gallery_vectors.T, relevant[i : i + step]) for i in starts)
    return rank_blocks(blocks, ks).means()


class _SortedBlock:
    """A block of similarities in which "how many are greater" is one binary search for all queries.

    Keys that begin with the query number make the sorted rows one flat sorted array.
    """

    def __init__(self, similarity: np.ndarray, offset: int) -> None:
        _check_similarity(similarity, offset)
        self.similarity, self.offset = similarity, offset
        self.sorted_keys = self._keys(np.arange(len(similarity))[:, None], np.sort(similarity, axis=1)).ravel()

    @staticmethod
    def _keys(query: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (query.astype(np.int64) << 32) + _sortable(values)

    def relevant_ranks(self, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rank of every relevant item, its order among the relevant, query after query, and their numbers."""
        num_queries, num_gallery = relevant.shape
        num_relevant = relevant.sum(axis=1, dtype=np.int64)
        query = np.repeat(np.arange(num_queries), num_relevant)
        answers = np.sort(self._keys(query, self.similarity[relevant]))
        row_end, answers_end = (query + 1) * num_gallery, np.cumsum(num_relevant)[query]
        greater = row_end - np.searchsorted(self.sorted_keys, answers, "right")
        greater -= answers_end - np.searchsorted(answers, answers, "right")
        not_less = row_end - np.searchsorted(self.sorted_keys, answers, "left")
        not_less -= answers_end - np.searchsorted(answers, answers, "left")
        order = answers_end - np.arange(len(answers))
        return order + (greater + not_less) / 2, order, num_relevant


def _rank_block(block: _SortedBlock, relevant: np.ndarray, ks: tuple[int, ...]) -> RankTable:
    _check_relevant(block.similarity, relevant, block.offset)
    _check_cutoffs(ks, relevant.shape[1])
    ranks, order, num_relevant = block.relevant_ranks(relevant)
    first = np.cumsum(num_relevant) - num_relevant  # where each query's ranks start
    inside = np.stack([np.add.reduceat((ranks <= k).astype(np.float64), first) for k in ks], axis=1)
    return RankTable(
        ks=tuple(ks),
        num_relevant=num_relevant,
        best_rank=np.minimum.reduceat(ranks, first),
        hit=(inside > 0).astype(np.float64),
        recall=inside / num_relevant[:, None],
        average_precision=np.add.reduceat(order / ranks, first) / num_relevant,
    )


def _sortable(values: np.ndarray) -> np.ndarray:
    """Integers in the order of the float32 `values`: equal where they are equal (0.0 and -0.0 too)."""
    bits = (values + np.float32(0)).view(np.int32)  # -0.0 + 0.0 = 0.0
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)  # more magnitude is less where the sign bit is set


def _check_similarity(similarity: np.ndarray, offset: int) -> None:
    if similarity.dtype != np.float32 or similarity.ndim != 2:
        raise MetricError.explain(
            "not a float32 matrix", got=f"{similarity.dtype} {similarity.shape}", expected="float32 (query, gallery)"
        )
    _check_not_empty(similarity.shape)
    finite = np.isfinite(similarity).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite) + offset
        raise MetricError.explain(
            "similarity is NaN or infinite", got=f"in {len(bad)} queries, first {bad[:5].tolist()}"
        )


def _check_not_empty(shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise MetricError.explain("nothing to rank", got=f"(queries, gallery) = {shape}", expected="at least one each")


def _check_relevant(similarity: np.ndarray, relevant: np.ndarray, offset: int) -> None:
    if similarity.shape != relevant.shape:
        raise MetricError.explain(
            "similarity and relevance differ in shape", got=f"{similarity.shape} and {relevant.shape}"
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
