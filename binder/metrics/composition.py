"""What two legs through the hub promise for a pair that was never trained. Floor: metrics.

Let b be hub vectors, m_b their mean, v = E|b - m_b|^2 = 1 - |m_b|^2 their spread. If the hub determines what a and c
share, a = m_a + p (b - m_b) + u and c = m_c + q (b - m_b) + w, with residuals u and w that nothing joins. The *excess*
of a match is what its score lies above that of a random pair:

    excess(a, b) = p v,   excess(c, b) = q v,   excess(a, c) = p q v = excess(a, b) excess(c, b) / v.

A constant offset of a modality, which the hub loss can't see, cancels. In a gallery of N with non-matching scores of
spread s, the match wins when it beats the largest of N - 1 of them; with normal scores

    hit@1 = integral of Phi(z)^(N-1) phi(z - d) dz,   d = excess / s,

and where m answers count, the best of them against N - m others: Phi(z)^(N-m) m phi(z - d) Phi(z - d)^(m-1).

A measured excess above the product says that a and c share what the hub does not carry; one below it, that what each
leg carries is not the same. Source: reasoning of docs/shared_space.md; the independent-residual case of methods on
hub-mediated alignment, and the law of the unconscious contrastive learner (https://arxiv.org/abs/2501.11326).
"""

import math

import numpy as np
from jaxtyping import Float32
from scipy.integrate import quad
from scipy.special import log_ndtr

from binder.errors import MetricError


def hub_spread(vectors: Float32[np.ndarray, "item dim"]) -> float:
    """V = E|b - m_b|^2 = 1 - |m_b|^2 of unit vectors b, 0 (all are one) to 1."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    return 1 - float(mean @ mean)


def product_excess(first: float, second: float, spread: float) -> float:
    """Excess that two legs promise: excess(a, b) excess(c, b) / v.

    Args:
        first: excess of a leg.
        second: excess of the other leg.
        spread: v, in (0, 1]; see `hub_spread`.

    Raises:
        MetricError: a hub without spread.
    """
    if not 0 < spread <= 1 + 1e-6:
        raise MetricError.explain("hub vectors have no spread", got=spread, expected="0 < 1 - |mean|^2 <= 1")
    return first * second / spread


def expected_hit(separation: float, num_gallery: int, *, num_relevant: int = 1) -> float:
    """Chance that the best of m matches outscores N - m independent normal non-matches, `separation` spreads below.

    Args:
        separation: d = excess / spread of non-matching scores.
        num_gallery: N, at least 1.
        num_relevant: m, 1 to N; their scores vary as much as those of the others.

    Raises:
        MetricError: numbers out of range.
    """
    if not 1 <= num_relevant <= num_gallery:
        raise MetricError.explain(
            "answers out of range", got=f"{num_relevant} of {num_gallery}", expected="1 <= answers <= gallery"
        )
    value, _ = quad(_density, *_bounds(separation), (separation, num_gallery, num_relevant), limit=200)
    return float(min(max(value, 0.0), 1.0))


def _density(z: float, separation: float, num_gallery: int, num_relevant: int) -> float:
    above = z - separation
    best = -above * above / 2 + (num_relevant - 1) * log_ndtr(above)
    return num_relevant * math.exp(best + (num_gallery - num_relevant) * log_ndtr(z)) / math.sqrt(2 * math.pi)


def _bounds(separation: float) -> tuple[float, float]:
    """All but 1e-18 of the matches' scores."""
    return separation - 9, separation + 9
