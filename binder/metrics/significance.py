"""Whether two systems differ, and what several seeds say together. Floor: metrics; used by `binder.evaluate`.

`sign_flip_p` tests a paired difference, `holm` corrects many such tests, `nested_draws` joins the
resamples of several seeds with those of groups.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from binder.errors import MetricError

NUM_FLIPS = 10_000
_BLOCK_SIGNS = 2**22  # signs drawn at once: 32 MB as float64


def sign_flip_p(
    group_sums: Float64[np.ndarray, "group metric"], *, num: int = NUM_FLIPS, seed: int = 0
) -> Float64[np.ndarray, " metric"]:
    """Two-sided p-value of "A and B are exchangeable within every group" from the differences B - A.

    Flipping the sign of a group is swapping A and B in it (R. A. Fisher, The Design of Experiments, 1935,
    section 21). The statistic is the absolute sum over groups. All sign patterns are tried where there are at
    most `num`; else `num` random ones, and p = (1 + as extreme) / (1 + num), which never is 0.

    Args:
        group_sums: sum of the differences of every group's queries, one column a metric.
        num: random patterns.
        seed: of the random patterns.

    Raises:
        MetricError: no group, or NaN.
    """
    if len(group_sums) == 0 or np.isnan(group_sums).any():
        raise MetricError.explain("no test of these differences", got=f"{len(group_sums)} groups, or NaN among them")
    num_groups = len(group_sums)
    scale = np.abs(group_sums).sum(axis=0)
    observed = np.abs(group_sums.sum(axis=0)) - 1e-9 * scale  # rounding must not make equal sums unequal
    exact = num_groups <= np.log2(num) + 1
    patterns = _all_signs(num_groups) if exact else _random_signs(num_groups, num, seed)
    extreme, tried = np.zeros(group_sums.shape[1]), 0
    for signs in patterns:
        extreme += (np.abs(signs @ group_sums) >= observed).sum(axis=0)
        tried += len(signs)
    return extreme / tried if exact else (1 + extreme) / (1 + tried)


def holm(p: Float64[np.ndarray, " test"]) -> Float64[np.ndarray, " test"]:
    """P-values corrected for the number of tests: S. Holm, 1979, A simple sequentially rejective procedure."""
    order = np.argsort(p)
    stepped = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


def nested_draws(
    draws: Float64[np.ndarray, "seed draw metric"], *, seed: int = 0
) -> Float64[np.ndarray, "draw metric"]:
    """Resample seeds beside groups: draw d of the result is a mean over seeds drawn with replacement.

    All seeds see the same groups, so both are resampled (the pigeonhole bootstrap: A. B. Owen, 2007,
    arXiv:0712.1111; it errs to the wide side). With n seeds, resampling shows (n - 1) / n of their variance,
    which is made up for (J. N. K. Rao and C. F. J. Wu, 1988, Resampling inference with complex survey data).

    Args:
        draws: mean metrics of every seed in every draw of groups; the same groups in draw d of all seeds.
        seed: of the resampling of seeds.
    """
    num_seeds, num_draws, _ = draws.shape
    centre = draws.mean(axis=0)
    if num_seeds == 1:
        return centre
    picks = np.random.default_rng(seed).multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=num_draws)
    drawn = np.einsum("ds,sdm->dm", picks / num_seeds, draws)
    return centre + np.sqrt(num_seeds / (num_seeds - 1)) * (drawn - centre)


def _all_signs(num_groups: int) -> Iterator[np.ndarray]:
    """Every pattern once, up to flipping all: the first group keeps its sign."""
    bits = np.arange(2 ** (num_groups - 1))[:, None] >> np.arange(num_groups) & 1
    yield 1.0 - 2.0 * bits


def _random_signs(num_groups: int, num: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK_SIGNS // num_groups)
    for start in range(0, num, step):
        yield 1.0 - 2.0 * rng.integers(2, size=(min(step, num - start), num_groups))
