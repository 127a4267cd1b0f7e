"""(g) Ranking: all ranks of both directions, beside one matrix product and beside what peers take for less.

Every contender gets unit vectors and ends with hit rates at 1, 5 and 10. binder and clip-benchmark rank both
directions; faiss looks up ten neighbours both ways; mteb and torchmetrics score one direction.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Run, Step, compare_alone
from benchmarks.report import Goal, Part
from benchmarks.settings import SEED, Settings
from binder.metrics import CUTOFFS, Relevance, rank_both

DIM = 512
BLOCK = 1024  # rows of a product whose result need not be kept
PRODUCT, OURS, FAISS, CLIP, MTEB, TORCHMETRICS = (
    "one float32 product", "binder, all ranks", "faiss, top 10", "clip-benchmark", "mteb", "torchmetrics",
)  # fmt: skip
NEEDS = {FAISS: "faiss", CLIP: "clip_benchmark", MTEB: "mteb", TORCHMETRICS: "torchmetrics"}
LARGEST = {FAISS: 20_000, CLIP: 5_000, MTEB: 5_000, TORCHMETRICS: 1_000}  # beyond, minutes a turn
MTEB_DEPTH = 1000  # results a query that mteb keeps


def make_sides(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of two towers; row i of one answers row i of the other."""
    rng = np.random.default_rng(SEED)
    gallery = rng.standard_normal((size, DIM), dtype=np.float32)
    query = gallery + 6 * rng.standard_normal((size, DIM), dtype=np.float32)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    return query, gallery


def build(name: str, size: int, device: str) -> Step:
    """One evaluation; its result is the hit rates at 1, 5 and 10, query -> gallery."""
    return _CONTENDERS[name](*make_sides(size))


def _product(query: np.ndarray, gallery: np.ndarray) -> Step:
    a, b = torch.from_numpy(query), torch.from_numpy(gallery)
    result = torch.empty(min(BLOCK, len(a)), len(b))

    def step() -> None:
        for start in range(0, len(a), BLOCK):
            part = a[start : start + BLOCK]
            torch.mm(part, b.T, out=result[: len(part)])

    return step


def _binder(query: np.ndarray, gallery: np.ndarray) -> Step:
    keys = np.arange(len(query))[:, None]
    relevance = Relevance.agreeing(keys, keys)
    return lambda: rank_both(query, gallery, relevance)[0].hit.mean(axis=0)


def _faiss(query: np.ndarray, gallery: np.ndarray) -> Step:
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())

    def step() -> np.ndarray:
        found = []
        for own, other in ((query, gallery), (gallery, query)):
            index = faiss.IndexFlatIP(DIM)
            index.add(other)
            found.append(index.search(own, max(CUTOFFS))[1] == np.arange(len(own))[:, None])
        return np.array([found[0][:, :k].any(axis=1).mean() for k in CUTOFFS])

    return step


def _clip_benchmark(query: np.ndarray, gallery: np.ndarray) -> Step:
    from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

    def step() -> np.ndarray:
        scores = torch.from_numpy(query) @ torch.from_numpy(gallery).T
        positive = torch.eye(len(scores), dtype=torch.bool)
        rates = [
            (batchify(recall_at_k, own, answers, 64, "cpu", k=k) > 0).float().mean().item()
            for own, answers in ((scores, positive), (scores.T, positive.T))
            for k in CUTOFFS
        ]
        return np.array(rates[: len(CUTOFFS)])

    return step


def _mteb(query: np.ndarray, gallery: np.ndarray) -> Step:
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores

    names = [str(i) for i in range(len(query))]
    answers = {name: {name: 1} for name in names}

    def step() -> np.ndarray:
        scores, found = torch.topk(
            torch.from_numpy(query) @ torch.from_numpy(gallery).T, min(MTEB_DEPTH, len(gallery)), dim=1
        )
        rows = zip(names, found.tolist(), scores.tolist(), strict=True)
        results = {name: {names[i]: s for i, s in zip(items, own, strict=True)} for name, items, own in rows}
        rates = calculate_retrieval_scores(results, answers, list(CUTOFFS)).hit_rate
        return np.array(list(rates.values()))

    return step


def _torchmetrics(query: np.ndarray, gallery: np.ndarray) -> Step:
    from torchmetrics.retrieval import RetrievalHitRate

    def step() -> np.ndarray:
        scores = torch.from_numpy(query) @ torch.from_numpy(gallery).T
        target, index = torch.eye(len(scores), dtype=torch.bool), torch.arange(len(scores))[:, None].expand_as(scores)
        return np.array([float(RetrievalHitRate(top_k=k)(scores, target, indexes=index)) for k in CUTOFFS])

    return step


_CONTENDERS: dict[str, Callable[[np.ndarray, np.ndarray], Step]] = {
    PRODUCT: _product, OURS: _binder, FAISS: _faiss, CLIP: _clip_benchmark, MTEB: _mteb, TORCHMETRICS: _torchmetrics,
}  # fmt: skip


def run(settings: Settings) -> Part:
    """The table; a CPU's, whatever the device: vectors are compared on the host."""
    sizes = settings.ranking_sizes
    names = [name for name in _CONTENDERS if installed(name)]

    def excuse(name: str, size: int) -> str:
        return "not run: minutes a turn" if size > LARGEST.get(name, size) else ""

    runs = compare_alone(build, names, sizes, excuse=excuse, **(settings.measuring | {"device": "cpu"}))
    last = runs[OURS, sizes[-1]]
    ratios = [_over_product(runs, OURS, size) for size in sizes]
    missing = [name for name in _CONTENDERS if name not in names]
    return Part(
        name="ranking",
        title=f"(g) Ranking N x N, D = {DIM}, one answer a query",
        rows=[_row(name, size, runs) for size in sizes for name in names],
        goals=[
            Goal.most("ranks of both directions over one product", max(r for r in ratios if r is not None), 2.0),
            Goal.most(f"memory at {sizes[-1]} x {sizes[-1]}, GB beside the vectors", last.peak / 1e9, 1.5),
        ],
        notes=[
            "binder, faiss, clip-benchmark: both directions; mteb and torchmetrics: one.",
            "memory: growth of a process of its own, beside the vectors.",
            *([f"not installed, not run: {', '.join(missing)}"] if missing else []),
        ],
    )


def installed(name: str) -> bool:
    """Whether a contender's library is here."""
    return name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None


def _over_product(runs: dict[tuple[str, int], Run], name: str, size: int) -> float | None:
    mine, product = runs[name, size].timing, runs[PRODUCT, size].timing
    return mine.median / product.median if mine and product else None


def _row(name: str, size: int, runs: dict[tuple[str, int], Run]) -> dict[str, Any]:
    mine = runs[name, size]
    if mine.timing is None:
        return {"N": size, "contender": name, "note": mine.left_out}
    return {
        "N": size,
        "contender": name,
        "seconds": mine.timing.median,
        "low": mine.timing.low,
        "high": mine.timing.high,
        "x product": _over_product(runs, name, size),
        "memory MB": mine.peak / 1e6,
    }
