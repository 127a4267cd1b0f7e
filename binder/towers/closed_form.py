"""Linear projectors solved for in closed form: the floor under every trained head. Floor: towers; for the run.

Each takes pairs (feature, hub vector) and gives x -> W x + b, which becomes a tower's linear head. Every pair
counts once: a hub item with several rows counts once per row, a row with several hub modalities once for each.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from binder.config import ClosedFormConfig
from binder.errors import TrainingError

Pairs = Float[np.ndarray, "pair width"]
PENALTIES = np.logspace(-6, 2, 17)  # per training pair, on features of unit deviation


@dataclass(frozen=True, kw_only=True, eq=False)
class Projector:
    """x -> W x + b.

    Attributes:
        weight: W, (dim, width).
        bias: b, (dim,).
        facts: JSON values: what was chosen or found while solving.
    """

    weight: np.ndarray
    bias: np.ndarray
    facts: dict[str, float] = field(default_factory=dict)

    def write(self, head: nn.Module) -> None:
        """Make it the weights of a linear head."""
        assert isinstance(head, nn.Linear)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(self.weight))
            head.bias.copy_(torch.from_numpy(self.bias))


def solve(config: ClosedFormConfig, features: Pairs, targets: Float[np.ndarray, "pair dim"]) -> Projector:
    """Solve for the configured projector, in float64.

    Args:
        config: method and options.
        features: of the training pairs.
        targets: the hub's unit vectors of the same pairs.

    Raises:
        TrainingError: fewer than three pairs, or features that do not vary or are not finite.
    """
    features, targets = features.astype(np.float64), targets.astype(np.float64)
    if len(features) < 3 or not np.isfinite(features).all() or not features.std(axis=0).any():
        raise TrainingError.explain(
            "closed_form cannot be solved",
            got=f"{len(features)} pairs, features finite: {np.isfinite(features).all()}",
            expected="three or more pairs, finite features that vary",
        )
    if config.method == "ridge":
        return ridge(features, targets, penalty=config.penalty)
    if config.method == "procrustes":
        return procrustes(features, targets)
    return cca(features, targets, rank=config.rank, shrinkage=config.shrinkage)


def ridge(features: Pairs, targets: Float[np.ndarray, "pair dim"], *, penalty: float | None = None) -> Projector:
    """Least squares with a quadratic penalty, on features of zero mean and unit deviation.

    Args:
        features: of the pairs.
        targets: of the same pairs.
        penalty: per pair; None takes from `PENALTIES` the one with the least leave-one-out error, over all
            dimensions together (generalised cross-validation by the singular values, as scikit-learn has it).
    """
    from sklearn.linear_model import Ridge, RidgeCV  # here: importing scikit-learn costs a second

    count, mean, scale = len(features), features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    model: Any = RidgeCV(alphas=count * PENALTIES) if penalty is None else Ridge(alpha=count * penalty)
    model.fit((features - mean) / scale, targets)
    weight = model.coef_ / scale
    chosen = model.alpha_ / count if penalty is None else penalty
    return Projector(weight=weight, bias=model.intercept_ - weight @ mean, facts={"penalty": float(chosen)})


def procrustes(features: Pairs, targets: Float[np.ndarray, "pair dim"]) -> Projector:
    """The best rotation (or reflection), with one scale, from centred features to centred hub vectors [1].

    Features wider than the hub are first reduced to its width by principal components; narrower ones are
    filled with zeros. The hub's mean is added again, so that vectors lie where the hub's lie.

    References:
        [1] Schönemann, 1966, "A generalized solution of the orthogonal Procrustes problem".
    """
    from scipy.linalg import orthogonal_procrustes

    mean, centre = features.mean(axis=0), targets.mean(axis=0)
    dim, width = targets.shape[1], features.shape[1]
    basis = np.eye(width)
    if width > dim:
        variances, axes = np.linalg.eigh(np.cov(features.T))
        basis = axes[:, np.argsort(variances)[::-1][:dim]]
    reduced = (features - mean) @ basis
    rotation, total = orthogonal_procrustes(np.pad(reduced, ((0, 0), (0, dim - reduced.shape[1]))), targets - centre)
    scale = total / (reduced**2).sum()
    weight = scale * (basis @ rotation[: reduced.shape[1]]).T
    return Projector(weight=weight, bias=centre - weight @ mean, facts={"scale": float(scale)})


def cca(
    features: Pairs,
    targets: Float[np.ndarray, "pair dim"],
    *,
    rank: int | None = None,
    shrinkage: float | None = None,
) -> Projector:
    """Canonical correlation: both sides whitened, directions weighted by their correlation (CSA [1]).

    With whitenings A of features and B of hub vectors, and B C A^T = V S U^T for the cross-covariance C, the
    canonical coordinates are u = U^T A (f - mean) and v = V^T B (t - centre), and CSA's similarity is the sum of
    S_i u_i v_i. The hub's vectors cannot be changed, so the map into hub space is

        x = B^-1 V S u + centre,

    the hub vector that has the canonical coordinates S u: what the correlated directions can predict of t. Its
    coordinates V^T B (x - centre) are S u, so sum_i S_i u_i v_i is what it has in common with t there; the cosine
    in hub space weights directions as the hub does, not by their whitened length. Without shrinkage, with all
    directions, it is least squares; fewer directions give reduced-rank regression [2].

    Args:
        features: of the pairs.
        targets: of the same pairs.
        rank: canonical directions kept, the most correlated first; None for all.
        shrinkage: of both covariances towards a sphere, 0 to below 1; None for that of Ledoit and Wolf.

    Raises:
        TrainingError: a rank above the smaller width.

    References:
        [1] Li, Chinchali and Topcu, 2024, "CSA: data-efficient mapping of unimodal features to multimodal
            features", arXiv:2410.07610.
        [2] Breiman and Friedman, 1997, "Predicting multivariate responses in multiple linear regression".
    """
    most = min(features.shape[1], targets.shape[1])
    if rank is not None and rank > most:
        raise TrainingError.explain(
            "cca has no such rank", got=rank, expected=f"at most {most}, the smaller of feature and hub width"
        )
    mean, centre = features.mean(axis=0), targets.mean(axis=0)
    whiten_features, _ = _roots(features, shrinkage)
    whiten_targets, colour_targets = _roots(targets, shrinkage)
    cross = (targets - centre).T @ (features - mean) / len(features)
    left, correlations, right = np.linalg.svd(whiten_targets @ cross @ whiten_features, full_matrices=False)
    kept = slice(0, rank)
    weight = colour_targets @ (left[:, kept] * correlations[kept]) @ right[kept] @ whiten_features
    facts = {"directions": float(len(correlations[kept])), "largest correlation": float(correlations[0])}
    return Projector(weight=weight, bias=centre - weight @ mean, facts=facts)


def _roots(points: np.ndarray, shrinkage: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Inverse square root and square root of covariance + sphere; directions without variance stay without.

    The sphere is added, not mixed in, so that correlations stay below 1: C + s / (1 - s) mean(variance) I.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    share = ledoit_wolf_shrinkage(points) if shrinkage is None else shrinkage
    covariance = np.atleast_2d(np.cov(points.T, bias=True))
    sphere = share / max(1 - share, np.finfo(np.float64).eps) * np.trace(covariance) / len(covariance)
    variances, axes = np.linalg.eigh(covariance + sphere * np.eye(len(covariance)))
    alive = variances > variances.max() * len(variances) * np.finfo(np.float64).eps
    deviations = np.sqrt(np.where(alive, variances, 0))
    inverse = np.divide(1, deviations, out=np.zeros_like(deviations), where=alive)
    return (axes * inverse) @ axes.T, (axes * deviations) @ axes.T
