"""The modality `depth`: its options and contract; the work is done in the files beside this one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from binder.display import Film
from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.depth.read import COLOURS, FRAMES, OUTSIDE, UNITS, read_depth, to_stored
from modalities.depth.show import show_depth
from modalities.options import check_choices, check_ranges

if TYPE_CHECKING:
    import torch
    from torch import nn

INPUTS = ("nearness", "depth", "disparity", "log_depth")


@dataclass(frozen=True, kw_only=True)
class Depth(ModalitySpec):
    """Distances in metres, (frame, height, width); 0 is a hole, a still map is one frame.

    Attributes:
        num_frames: frames the encoder gets; a clip is stretched to it by picking frames.
        size: side of the square the encoder gets, in pixels.
        unit: of the files' numbers: `mm`, `m`, `by_type` (integers are mm, floats are m), `sun_rgbd` (mm with
            rotated bits), `disparity` (pixels between two cameras).
        per_unit: stored numbers per unit, e.g. 5000 with `unit: m` for TUM's PNGs, 256 for KITTI's.
        holes: stored numbers that mean nothing was measured; `nan` and `inf` may be among them.
        focal_px: focal length of the cameras, pixels; for `unit` or `input` disparity.
        baseline_m: distance between the two cameras, for the same.
        frames: where an array of several frames has them: `first`, (frame, height, width), or `last`, (height, width,
            frame); `guess` takes them for first, and refuses arrays whose pictures would be unusually tall.
        near_m: smallest distance allowed (holes excepted).
        far_m: largest distance allowed.
        outside: distances beyond these are an `error`; or, if they are not the most, `clamp` moves them to the
            end of the range and `hole` takes them for not measured.
        input: what the tower sees: `nearness`, `depth`, `disparity` (of a camera with `focal_px` and
            `baseline_m`) or `log_depth`.
        centre: `none` keeps distance; `clip` takes the clip's median distance out, for bodies
            and objects whose place does not matter.
        reach_m: with `centre: clip`, the distance from the median that becomes 1 (clamped at 2).
        shift: augmentation moves the picture by at most this fraction of its side.
        scale_jitter: augmentation scales the picture by at most this fraction.
        tilt: augmentation adds a plane to the distances, at most this rise over half a side,
            in transformed units (a turn of the camera, to first order).
        distance_jitter: augmentation adds at most this to all distances, in transformed units.
        drop: side of the square that augmentation turns into a hole, at most, as a fraction.
        time_crop: augmentation cuts off at most this fraction of a clip.
        time_warp: augmentation changes a clip's pace by at most this fraction.
    """

    name: ClassVar[str] = "depth"

    num_frames: int = 1
    size: int = 64
    unit: str = "by_type"
    per_unit: float = 1.0
    holes: Sequence[int | float | str] = (0.0,)
    focal_px: float | None = None
    baseline_m: float | None = None
    frames: str = "guess"
    near_m: float = 0.05
    far_m: float = 10.0
    outside: str = "error"
    input: str = "nearness"
    centre: str = "none"
    reach_m: float = 0.5
    shift: float = 0.05
    scale_jitter: float = 0.05
    tilt: float = 0.0
    distance_jitter: float = 0.0
    drop: float = 0.0
    time_crop: float = 0.15
    time_warp: float = 0.4

    def __post_init__(self) -> None:
        check_choices(self, unit=UNITS, outside=OUTSIDE, input=INPUTS, centre=("none", "clip"), frames=FRAMES)
        check_ranges(self, num_frames=">= 1", size=">= 8", per_unit="> 0", near_m="> 0", reach_m="> 0")
        check_ranges(self, far_m=f"> {self.near_m}")
        if "disparity" in (self.unit, self.input) and not (self.focal_baseline or 0) > 0:
            raise ConfigError.explain(
                "disparity without a camera",
                got=f"focal_px {self.focal_px}, baseline_m {self.baseline_m}",
                expected="both above 0",
                fix="take them from the camera; a Kinect v1 has about focal_px: 519, baseline_m: 0.075",
            )
        if self.centre == "clip" and self.input != "nearness":
            raise ConfigError.explain(
                "two scales for depth", got=f"centre: clip with input: {self.input}", fix="leave out one of them"
            )
        try:  # a config gives a list, and JSON knows no NaN
            numbers = [float(hole) for hole in self.holes]
        except (TypeError, ValueError):
            raise ConfigError.explain("holes of depth", got=self.holes, expected="numbers, nan, inf") from None
        named = tuple(number if math.isfinite(number) else str(number) for number in numbers)
        object.__setattr__(self, "holes", named)

    @property
    def focal_baseline(self) -> float | None:
        """Disparity in pixels of what is one metre away; None where no camera is given."""
        return None if self.focal_px is None or self.baseline_m is None else self.focal_px * self.baseline_m

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="frame height width",
            unit="m",
            value_range=(0.0, self.far_m),  # 0 is a hole; read_depth knows near_m
            length=LengthPolicy(kind="stretch", length=self.num_frames),
        )

    def read(self, source: Source) -> np.ndarray:
        return read_depth(
            source,
            unit=self.unit,
            per_unit=self.per_unit,
            holes=[float(hole) for hole in self.holes],
            focal_baseline=self.focal_baseline,
            frames=self.frames,
            near_m=self.near_m,
            far_m=self.far_m,
            outside=self.outside,
        )

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.depth.transform import transform_depth

        return transform_depth(
            sample,
            num_frames=self.num_frames,
            size=self.size,
            value=self.input,
            near_m=self.near_m,
            far_m=self.far_m,
            focal_baseline=self.focal_baseline,
            reach_m=self.reach_m if self.centre == "clip" else None,
        )

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        from modalities.depth.augment import augment_depth

        return augment_depth(
            tensor,
            generator,
            shift=self.shift,
            scale_jitter=self.scale_jitter,
            tilt=self.tilt,
            distance_jitter=self.distance_jitter,
            drop=self.drop,
            time_crop=self.time_crop,
            time_warp=self.time_warp,
        )

    def encoder(self, **options: Any) -> "nn.Module":
        from modalities.depth.encoder import clip_encoder, still_encoder

        if self.num_frames == 1:
            return still_encoder(**options)
        return clip_encoder(size=self.size, num_frames=self.num_frames, **options)

    def show(self, sample: np.ndarray) -> Film:
        return show_depth(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        """A ball before a wall, coming nearer from frame to frame, as `unit` stores it; a corner is a hole."""
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:80, 0:96] / 80
        wall = self.near_m + (self.far_m - self.near_m) * random.uniform(0.5, 0.8)
        count = max(self.num_frames, COLOURS + 1) if self.frames == "last" else self.num_frames
        frames = np.full((count, 80, 96), wall)
        inside = (x - random.uniform(0.4, 0.8)) ** 2 + (y - random.uniform(0.3, 0.7)) ** 2 < random.uniform(
            0.1, 0.3
        ) ** 2
        ball = self.near_m + (wall - self.near_m) * np.linspace(0.8, 0.5, count)
        frames = np.where(inside, ball[:, None, None], frames)
        if 0.0 in self.holes:
            frames[:, :4, :4] = 0.0
        stored = to_stored(frames, self.unit, self.per_unit, self.focal_baseline)
        return np.moveaxis(stored, 0, -1) if self.frames == "last" else stored
