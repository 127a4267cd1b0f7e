"""Prepares frames for a video tower: squares, normalised; called by `Video.transform`."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

# mean and deviation of red, green, blue in 0..1
NORMALISATIONS = {
    # [1] A. Radford et al., 2021, CLIP; openai/CLIP clip/clip.py. LanguageBind and ImageBind take the same.
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    # [2] torchvision, models: statistics of ImageNet; VideoMAE and most networks of timm.
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # [3] X. Zhai et al., 2023, SigLIP, arXiv:2303.15343: -1..1.
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


def to_frames(
    sample: UInt8[np.ndarray, "time height width 3"], *, size: int, normalise: str
) -> Float[Tensor, "3 time {size} {size}"]:
    """Cut out the central square of every frame, scale it to `size` (bicubic, antialiased), normalise the channels."""
    height, width = sample.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(sample[:, top : top + side, left : left + side].transpose(0, 3, 1, 2))
    pixels = torch.from_numpy(square).float()
    if side != size:
        pixels = torch.nn.functional.interpolate(pixels, size=(size, size), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(values)[:, None, None] for values in NORMALISATIONS[normalise])
    return ((pixels.clamp(0, 255) / 255 - mean) / std).transpose(0, 1).contiguous()
