"""Score corrections that are reported beside the raw numbers, never instead of them.

Per-modality centring: towers trained apart keep an offset of their own, and two offsets meet in an
emergent pair [1]. The mean comes from *training* vectors; a mean of the test vectors would let the
test set correct itself. Used by `binder.evaluate.cell`.

[1] Liang et al., Mind the Gap, NeurIPS 2022, https://arxiv.org/abs/2203.02053
"""

import numpy as np
from jaxtyping import Float32


def centred(
    vectors: Float32[np.ndarray, "item dim"], centre: Float32[np.ndarray, " dim"]
) -> Float32[np.ndarray, "item dim"]:
    """Subtract `centre` and return to unit norm.

    A vector that equals the centre has no direction left: it stays zero and ties with everything.
    """
    moved = vectors - centre
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.where(norms > 0, norms, 1)
