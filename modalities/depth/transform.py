"""Prepare distances for the encoder: a square of fixed size, nearness and where it is known."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

CLAMP = 2.0  # in units of reach_m: what lies further from the median than two reaches is background


def transform_depth(
    sample: Float32[np.ndarray, "frame height width"],
    *,
    num_frames: int,
    size: int,
    near_m: float,
    far_m: float,
    reach_m: float | None,
) -> Float[Tensor, "2 {num_frames} {size} {size}"]:
    """Pick frames, cut the middle square, and turn distance into nearness.

    Channel 0 is nearness: 1 at `near_m` to 0 at `far_m`; or, with `reach_m`, how much nearer than the
    clip's median, in reaches. Channel 1 is 1 where a distance is known. Holes are 0 in both: the mask,
    not the value, says that nothing was measured.
    """
    frames = np.linspace(0, len(sample) - 1, num_frames).round().astype(int)
    metres = torch.from_numpy(resize_nearest(sample[frames], size))
    known = metres > 0
    if reach_m is None:
        nearness = (far_m - metres) / (far_m - near_m)
    else:
        seen = sample[sample > 0]
        middle = float(np.median(seen)) if seen.size else 0.0  # a view can show nothing but holes
        nearness = ((middle - metres) / reach_m).clamp(-CLAMP, CLAMP)
    return torch.stack([torch.where(known, nearness, 0.0), known.float()])


def resize_nearest(
    frames: Float32[np.ndarray, "frame height width"], size: int
) -> Float32[np.ndarray, "frame {size} {size}"]:
    """Cut the middle square and read one source pixel per target pixel.

    A mean over pixels would invent surfaces between an object and the wall behind it, and would mix
    holes into distances.
    """
    height, width = frames.shape[1:]
    side = min(height, width)
    steps = ((np.arange(size) + 0.5) * side / size).astype(int)
    return frames[:, (height - side) // 2 + steps][:, :, (width - side) // 2 + steps]
