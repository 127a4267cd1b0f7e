"""Seeded random variations that several modalities build their `augment` from. Floor: towers.

All chance comes from the generator that is passed in; inputs are never changed in place.
"""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor


def uniform(low: float, high: float, generator: Generator, *, size: tuple[int, ...] = ()) -> Tensor:
    """Draw uniformly from `low` to `high`."""
    return low + (high - low) * torch.rand(size, generator=generator)


def random_crop(
    picture: Float[Tensor, "channel size size"], generator: Generator, *, smallest: float
) -> Float[Tensor, "channel size size"]:
    """Cut out a random square and scale it back, by bilinear interpolation.

    Args:
        picture: square.
        generator: all chance.
        smallest: side of the smallest square, as a share of the side; 1 for the whole picture.
    """
    share, down, right = torch.rand(3, generator=generator).tolist()
    size = picture.shape[-1]
    side = max(1, round(size * (smallest + (1 - smallest) * share)))
    top, left = round((size - side) * down), round((size - side) * right)
    crop = picture[None, :, top : top + side, left : left + side]
    return torch.nn.functional.interpolate(crop, size=(size, size), mode="bilinear", align_corners=False)[0]


def random_look(
    pictures: Float[Tensor, "*lead size size"], generator: Generator, *, smallest: float, flip: bool
) -> tuple[Float[Tensor, "*lead size size"], float]:
    """One `random_crop` for all pictures, perhaps mirrored, and how far to change their values.

    Args:
        pictures: square; channels or frames of one sample.
        generator: all chance.
        smallest: see `random_crop`.
        flip: mirror every second sample.

    Returns:
        The pictures, and a number drawn uniformly from -1 to 1.
    """
    varied = random_crop(pictures.reshape(-1, *pictures.shape[-2:]), generator, smallest=smallest).view(pictures.shape)
    change, coin = torch.rand(2, generator=generator).tolist()
    return (varied.flip(-1) if flip and coin < 0.5 else varied), 2 * change - 1


def time_path(length: int, *, crop: float, warp: float, generator: Generator) -> Float[Tensor, " length"]:
    """Draw increasing positions in 0..length-1 at which to read a sequence again: another tempo.

    Args:
        length: steps of the sequence, and of the path.
        crop: largest fraction of the sequence that is cut off, in sum at both ends.
        warp: 0 keeps an even pace; at 1 the pace may drop to zero for a moment.
        generator: all chance.
    """
    cut = uniform(0.0, crop, generator)
    start = cut * torch.rand((), generator=generator)
    phase = torch.arange(length) / max(length - 1, 1)
    # a sine that is zero at both ends bends time without moving its ends; |slope| <= warp
    cycles = 1 + int(torch.randint(2, (), generator=generator))
    bend = uniform(-warp, warp, generator) / (math.pi * cycles) * torch.sin(math.pi * cycles * phase)
    return (start + (1 - cut) * (phase + bend)).clamp(0, 1) * (length - 1)


def read_at(sequence: Float[Tensor, "*lead time"], positions: Float[Tensor, " out"]) -> Float[Tensor, "*lead out"]:
    """Read a sequence at fractional positions along its last axis, by linear interpolation."""
    low = positions.floor().long().clamp(0, sequence.shape[-1] - 1)
    high = (low + 1).clamp(max=sequence.shape[-1] - 1)
    share = positions - low
    return sequence[..., low] * (1 - share) + sequence[..., high] * share


def small_rotation(degrees: float, generator: Generator) -> Float[Tensor, "3 3"]:
    """Draw a rotation about a random axis by at most `degrees`."""
    axis = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0)
    return rotation(axis, math.radians(degrees) * float(uniform(-1.0, 1.0, generator)))


def rotation(axis: Float[Tensor, "3"], radians: float) -> Float[Tensor, "3 3"]:
    """Rotation matrix about a unit `axis`, by the formula of Rodrigues."""
    x, y, z = axis.tolist()
    cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return torch.eye(3) + math.sin(radians) * cross + (1 - math.cos(radians)) * (cross @ cross)
