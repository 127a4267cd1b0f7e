"""Where two modalities lie in one space: how far apart, how well matched, how spread out. Floor: metrics.

Called by `binder.evaluate.geometry` with vectors that are already there; nothing is encoded here.
"""

import math

import numpy as np
from jaxtyping import Float32, Float64
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from binder.errors import MetricError
from binder.metrics.ranking import rows_per_block

_FOLDS = 5
_MOST = 2000  # vectors a side that the separability is judged on: more change its third digit
UNIFORMITY_T = 2.0  # of Wang and Isola


def centroid_distance(a: Float32[np.ndarray, "item dim"], c: Float32[np.ndarray, "other dim"]) -> float:
    """Modality gap: distance of the two means of unit vectors, 0 to 2 [1].

    [1] Liang et al., Mind the Gap, NeurIPS 2022, https://arxiv.org/abs/2203.02053

    Raises:
        MetricError: an empty side, or vectors of different width.
    """
    _check(a, c)
    return float(np.linalg.norm(a.mean(axis=0, dtype=np.float64) - c.mean(axis=0, dtype=np.float64)))


def separability(
    a: Float32[np.ndarray, "item dim"], c: Float32[np.ndarray, "other dim"], *, seed: int = 0
) -> float | None:
    """How well a linear classifier tells the modality of a vector: ROC AUC, 0.5 where it can't.

    Logistic regression, predicted out of fold (5 folds), on up to 2,000 seeded vectors a side.

    Returns:
        The AUC, or None where a side has fewer vectors than there are folds.

    Raises:
        MetricError: an empty side, or vectors of different width.
    """
    _check(a, c)
    if min(len(a), len(c)) < _FOLDS:
        return None
    rng = np.random.default_rng(seed)
    sides = [side[rng.permutation(len(side))[:_MOST]] for side in (a, c)]
    label = np.repeat([0, 1], [len(side) for side in sides])
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    model = LogisticRegression(max_iter=1000)
    scores = cross_val_predict(model, np.concatenate(sides), label, cv=folds, method="decision_function")
    return float(roc_auc_score(label, scores))


def alignment(a: Float32[np.ndarray, "pair dim"], c: Float32[np.ndarray, "partner dim"]) -> float:
    """Mean squared distance of matching unit vectors, 0 to 4; less is better [1].

    [1] Wang and Isola, ICML 2020, https://arxiv.org/abs/2005.10242, equation 1 with alpha = 2

    Raises:
        MetricError: no pair, or sides that do not fit.
    """
    _check(a, c)
    if len(a) != len(c):
        raise MetricError.explain("alignment is of pairs", got=f"{len(a)} and {len(c)} vectors", expected="as many")
    return float(((a.astype(np.float64) - c) ** 2).sum(axis=1).mean())


def uniformity(vectors: Float32[np.ndarray, "item dim"]) -> float | None:
    """Log of the mean Gaussian potential of all pairs of different vectors; -4 to 0, less is more uniform.

    log mean exp(-2 |x - x'|^2) [1]: 0 where all vectors are one, near -4 + 8/dim where they fill the sphere.

    [1] Wang and Isola, ICML 2020, https://arxiv.org/abs/2005.10242, equation 2 with t = 2

    Returns:
        The value, or None for a single vector, which has no pair.
    """
    _check(vectors, vectors)
    if len(vectors) < 2:
        return None
    total = 0.0
    step = rows_per_block(len(vectors))
    for start in range(0, len(vectors), step):
        cosine = vectors[start : start + step] @ vectors.T
        total += float(np.exp(2 * UNIFORMITY_T * (np.minimum(cosine, 1) - 1), dtype=np.float64).sum())
    return math.log((total - len(vectors)) / (len(vectors) * (len(vectors) - 1)))  # without each with itself


def effective_rank(vectors: Float32[np.ndarray, "item dim"]) -> float:
    """Exponential of the entropy of the normalised singular values of the centred vectors, 1 to dim [1].

    [1] Roy and Vetterli, The effective rank, EUSIPCO 2007, definition 1

    Returns:
        The rank; 0 where all vectors are equal.
    """
    values = np.sqrt(_variances(vectors))
    share = values[values > 0] / values.sum() if values.any() else values[:0]
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0


def effective_dimension(vectors: Float32[np.ndarray, "item dim"]) -> float:
    """Participation ratio of the covariance, tr(C)^2 / tr(C^2): the d that noise of random matches feels.

    The cosine of two independent vectors with covariance C has a standard deviation of sqrt(tr C^2), which is
    tr(C) / sqrt(d). 1 to dim; 0 where all vectors are equal.
    """
    values = _variances(vectors)
    return float(values.sum() ** 2 / (values**2).sum()) if values.any() else 0.0


def _variances(vectors: Float32[np.ndarray, "item dim"]) -> Float64[np.ndarray, " axis"]:
    """Variances along the principal axes, without those that are rounding only."""
    _check(vectors, vectors)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    values = np.linalg.eigvalsh(gram) / len(vectors)
    return np.where(values > 1e-12, values, 0)


def _check(a: np.ndarray, c: np.ndarray) -> None:
    if 0 in (len(a), len(c)) or a.shape[1] != c.shape[1]:
        raise MetricError.explain(
            "can't compare vectors", got=f"{a.shape} and {c.shape}", expected="two or more rows of one width"
        )
    for side in (a, c):
        if not np.isfinite(side).all():
            raise MetricError.explain("vectors hold NaN or infinite values", expected="finite unit vectors")
