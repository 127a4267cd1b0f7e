"""Vary prepared distances: another framing, pace, tilt and dropped patches. Never mirrored."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from binder.towers.vary import time_path, uniform


def augment_depth(
    tensor: Float[Tensor, "2 time size size"],
    generator: Generator,
    *,
    shift: float,
    scale_jitter: float,
    tilt: float,
    distance_jitter: float,
    drop: float,
    time_crop: float,
    time_warp: float,
) -> Float[Tensor, "2 time size size"]:
    """Read frames and pixels again at moved places, then move the distances of known pixels."""
    num_frames, size = tensor.shape[1], tensor.shape[2]
    if num_frames > 1:
        path = time_path(num_frames, crop=time_crop, warp=time_warp, generator=generator)
        tensor = tensor.index_select(1, path.round().long())
    if not any((shift, scale_jitter, tilt, distance_jitter, drop)):
        return tensor.clone()
    places, inside = _moved_pixels(size, shift, scale_jitter, generator)
    inside = inside & _kept_pixels(size, drop, generator)
    moved = tensor.flatten(2).index_select(2, places).view(tensor.shape) * inside
    nearness, known = moved[0], moved[1]
    plane = _plane(size, tilt, distance_jitter, generator)
    return torch.stack([nearness + plane * known, known])


def _moved_pixels(
    size: int, shift: float, scale_jitter: float, generator: Generator
) -> tuple[Int[Tensor, " pixel"], Tensor]:
    """Where each target pixel is read from, and whether that place is inside the picture."""
    scale = 1 / uniform(1 - scale_jitter, 1 + scale_jitter, generator, size=(2,))
    move = uniform(-shift, shift, generator, size=(2,)) * size
    centred = torch.arange(size) - (size - 1) / 2
    rows, columns = ((centred * scale[i] + (size - 1) / 2 + move[i]).round().long() for i in range(2))
    inside = ((rows >= 0) & (rows < size))[:, None] & ((columns >= 0) & (columns < size))
    return (rows.clamp(0, size - 1)[:, None] * size + columns.clamp(0, size - 1)).flatten(), inside


def _kept_pixels(size: int, drop: float, generator: Generator) -> Tensor:
    """False in one square of at most `drop` of the side, anywhere."""
    side = float(uniform(0.0, drop, generator)) * size
    corner = uniform(0.0, 1.0, generator, size=(2,)) * (size - side)
    steps = torch.arange(size) + 0.5
    rows, columns = ((steps > corner[i]) & (steps < corner[i] + side) for i in range(2))
    return ~(rows[:, None] & columns)


def _plane(size: int, tilt: float, distance_jitter: float, generator: Generator) -> Tensor:
    slope = uniform(-tilt, tilt, generator, size=(2,))
    offset = uniform(-distance_jitter, distance_jitter, generator)
    steps = torch.linspace(-1, 1, size)
    return slope[0] * steps[:, None] + slope[1] * steps + offset
