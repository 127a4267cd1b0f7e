"""Prepares an RGB sample for an image tower; called by `Image.transform`."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

# [1] A. Radford et al., 2021, CLIP; openai/CLIP clip/clip.py `_transform`: mean and deviation per channel, 0..1.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def to_tensor(sample: UInt8[np.ndarray, "height width 3"], *, size: int) -> Float[Tensor, "3 {size} {size}"]:
    """Scale the shorter side to `size`, cut out the centre, normalise the channels."""
    height, width = sample.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    image = Image.fromarray(np.ascontiguousarray(sample))
    square = image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
