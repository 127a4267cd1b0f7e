"""What is true in a scene: its latent state, how it is drawn, and which sensor can see which part.

The renderers draw a `Scene`; `table.py` writes its `attributes` beside the files; evaluation calls a
pair relevant when the attributes that both sensors can see (`VISIBLE`) agree.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

OBJECTS = ("ball", "crate", "rod", "cone", "ring", "star", "cross", "crescent", "bottle", "dumbbell")
MATERIALS = ("wood", "steel", "glass", "rubber", "clay", "foam")
SPLITS = ("train", "validation", "test")
MOTIONS = ("still", "slide", "bounce", "swing", "spin", "loop", "rock")


class Band(NamedTuple):
    """A named range of a continuous latent. Bands have gaps, so that a bin is a fact and not a rounding."""

    name: str
    low: float
    high: float


SIZES_M = (Band("small", 0.170, 0.195), Band("medium", 0.245, 0.275), Band("large", 0.345, 0.385))  # radius
DISTANCES_M = (Band("near", 1.50, 1.65), Band("middle", 2.00, 2.20), Band("far", 2.65, 2.90))
TEMPERATURES_K = (Band("cold", 248.0, 263.0), Band("warm", 318.0, 348.0), Band("hot", 523.0, 593.0))
SPEEDS_HZ = (Band("slow", 1.0, 1.4), Band("fast", 2.6, 3.4))  # cycles per second
NO_SPEED = "none"  # the speed bin of what stands still

VISIBLE: dict[str, tuple[str, ...]] = {
    "image": ("object", "material", "size_bin", "distance_bin", "temperature_bin", "motion", "speed_bin"),
    "text": ("object", "material", "size_bin", "distance_bin", "temperature_bin", "motion", "speed_bin"),
    "depth": ("object", "size_bin", "distance_bin", "motion", "speed_bin"),
    "thermal": ("object", "temperature_bin", "motion", "speed_bin"),
    "audio": ("material", "size_bin", "motion", "speed_bin"),
    "imu": ("motion", "speed_bin"),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One moment of the world. Lengths in metres, temperatures in kelvin, angles in radians.

    Attributes:
        size_m: radius of the body.
        rate_hz: cycles of the motion per second; 0 for what stands still.
        amplitude_m: reach of the motion; a nuisance, independent of the body's size.
        phase: of the motion at the instant of the flash, in cycles; a nuisance.
        direction: 1 or -1, which way round; a nuisance.
        lateral_m: sideways position; a nuisance.
    """

    object: str
    material: str
    motion: str
    size_m: float
    size_bin: str
    distance_m: float
    distance_bin: str
    temperature_k: float
    temperature_bin: str
    rate_hz: float
    speed_bin: str
    amplitude_m: float
    phase: float
    direction: int
    lateral_m: float


# Phase at the flash, in cycles: the photographer's timing. An open shutter then records a path whose
# extent grows with the rate. What turns evenly may be caught at any phase.
_FLASH_PHASES = {"bounce": (0.75, 0.90), "swing": (0.10, 0.18), "rock": (0.10, 0.18)}


def combination_split(kind: str, material: str, motion: str) -> str:
    """Which split a combination of latents belongs to: a property of the world, the same for every seed.

    A Latin-square rule: of the 420 combinations 84 are test, 42 validation and 294 train, and every
    object, material, motion and every material-motion pair occurs in each. As no seed moves it, the
    hub never met the test combinations either.
    """
    residue = (OBJECTS.index(kind) + 3 * MATERIALS.index(material) + 7 * MOTIONS.index(motion)) % 10
    return {0: "test", 5: "test", 2: "validation"}.get(residue, "train")


def combinations(split: str) -> list[tuple[str, str, str]]:
    """All (object, material, motion) of one split."""
    return [
        (kind, material, motion)
        for kind in OBJECTS
        for material in MATERIALS
        for motion in MOTIONS
        if combination_split(kind, material, motion) == split
    ]


def draw_scene(kind: str, material: str, motion: str, rng: np.random.Generator) -> Scene:
    """Draw everything else about a scene of this combination."""
    size, size_m = _draw(SIZES_M, rng)
    distance, distance_m = _draw(DISTANCES_M, rng)
    temperature, temperature_k = _draw(TEMPERATURES_K, rng)
    speed, rate_hz = _draw(SPEEDS_HZ, rng)
    if motion == "still":
        speed, rate_hz = NO_SPEED, 0.0
    return Scene(
        object=kind,
        material=material,
        motion=motion,
        size_m=size_m,
        size_bin=size,
        distance_m=distance_m,
        distance_bin=distance,
        temperature_k=temperature_k,
        temperature_bin=temperature,
        rate_hz=rate_hz,
        speed_bin=speed,
        amplitude_m=rng.uniform(0.22, 0.30),
        phase=rng.uniform(*_FLASH_PHASES.get(motion, (0.0, 1.0))),
        direction=int(rng.choice((-1, 1))),
        lateral_m=rng.uniform(-0.15, 0.15),
    )


def draw_scenes(seed: int, split: str, count: int) -> list[Scene]:
    """Draw `count` scenes of one split, its combinations in turn, each scene from its own stream.

    Args:
        seed: of the world.
        split: train, validation or test.
        count: how many.
    """
    order = np.random.default_rng([seed, SPLITS.index(split)])
    pool = combinations(split)
    rounds = [order.permutation(len(pool)) for _ in range(-(-count // len(pool)))]
    picks = [int(pick) for part in rounds for pick in part][:count]
    return [
        draw_scene(*pool[pick], np.random.default_rng([seed, SPLITS.index(split), number]))
        for number, pick in enumerate(picks)
    ]


def _draw(bands: tuple[Band, ...], rng: np.random.Generator) -> tuple[str, float]:
    band = bands[rng.integers(len(bands))]
    return band.name, float(rng.uniform(band.low, band.high))
