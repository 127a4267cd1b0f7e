"""Prepare distances for the encoder: a square of fixed size, what the tower sees and where it is known."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

CLAMP = 2.0  # in units of reach_m: what lies further from the median than two reaches is background
# [1] R. Girdhar et al., 2022, Omnivore (facebookresearch/omnivore, DepthNorm); ImageBind and ViT-Lens keep it:
# disparity is cut at 75 and divided by it.
MAX_DISPARITY = 75.0


def transform_depth(
    sample: Float32[np.ndarray, "frame height width"],
    *,
    num_frames: int,
    size: int,
    value: str,
    near_m: float,
    far_m: float,
    focal_baseline: float | None,
    reach_m: float | None,
) -> Float[Tensor, "2 {num_frames} {size} {size}"]:
    """Pick frames, cut the middle square, and turn distance into what the tower sees.

    Channel 0 is `value` (see `encode_distance`); or, with `reach_m`, how much nearer than the clip's median,
    in reaches. Channel 1 is 1 where a distance is known. Holes are 0 in both: the mask, not the value, says
    that nothing was measured.
    """
    frames = np.linspace(0, len(sample) - 1, num_frames).round().astype(int)
    metres = torch.from_numpy(resize_nearest(sample[frames], size))
    known = metres > 0
    if reach_m is None:
        seen = encode_distance(metres, value, near_m=near_m, far_m=far_m, focal_baseline=focal_baseline)
    else:
        distances = sample[sample > 0]
        middle = float(np.median(distances)) if distances.size else 0.0  # a view can show nothing but holes
        seen = ((middle - metres) / reach_m).clamp(-CLAMP, CLAMP)
    return torch.stack([torch.where(known, seen, 0.0), known.float()])


def encode_distance(
    metres: Float[Tensor, "*map"], value: str, *, near_m: float, far_m: float, focal_baseline: float | None
) -> Float[Tensor, "*map"]:
    """What the tower sees of known distances; 0..1 each.

    `nearness`: 1 at near_m to 0 at far_m, linear. `depth`: metres by far_m (LanguageBind: 10 m; B. Zhu et al.,
    2024, arXiv:2310.01852). `disparity`: focal_baseline by metres, in pixels, cut at 75 and divided by it
    (ImageBind; R. Girdhar et al., 2023, arXiv:2305.05665, appendix). `log_depth`: 0 at near_m to 1 at far_m.
    """
    match value:
        case "nearness":
            return (far_m - metres) / (far_m - near_m)
        case "depth":
            return metres / far_m
        case "disparity":
            assert focal_baseline is not None  # the options were checked
            return (focal_baseline / metres).clamp(max=MAX_DISPARITY) / MAX_DISPARITY
        case "log_depth":
            return (metres / near_m).log() / math.log(far_m / near_m)
    raise AssertionError(value)


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
