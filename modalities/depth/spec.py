"""The modality `depth`: its options and contract; the work is done in the files beside this one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from binder.errors import ConfigError
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.depth.read import read_depth
from modalities.depth.show import draw_maps

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Depth(ModalitySpec):
    """Distances in metres, (frame, height, width); 0 is a hole, a still map is one frame.

    Attributes:
        num_frames: frames the encoder gets; a clip is stretched to it by picking frames.
        size: side of the square the encoder gets, in pixels.
        unit: unit of the files' numbers; `by_type` means integers are mm and floats are m.
        near_m: smallest distance allowed (holes excepted).
        far_m: largest distance allowed.
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
    near_m: float = 0.05
    far_m: float = 10.0
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
        if self.unit not in ("by_type", "mm", "m"):
            raise ConfigError.explain("unknown unit of depth", got=repr(self.unit), choices=("by_type", "mm", "m"))
        if self.centre not in ("none", "clip"):
            raise ConfigError.explain("unknown centre of depth", got=repr(self.centre), choices=("none", "clip"))
        if not 0 < self.near_m < self.far_m:
            raise ConfigError.explain(
                "depth range", got=f"near_m {self.near_m}, far_m {self.far_m}", expected="0 < near_m < far_m"
            )

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="frame height width",
            unit="m",
            value_range=(0.0, self.far_m),  # 0 is a hole; read_depth refuses what is nearer than near_m
            length=LengthPolicy(kind="stretch", length=self.num_frames),
        )

    def read(self, source: Source) -> np.ndarray:
        return read_depth(source, unit=self.unit, near_m=self.near_m, far_m=self.far_m)

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.depth.transform import transform_depth

        return transform_depth(
            sample,
            num_frames=self.num_frames,
            size=self.size,
            near_m=self.near_m,
            far_m=self.far_m,
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

    def show(self, sample: np.ndarray) -> np.ndarray:
        return draw_maps(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        """A ball before a wall, coming nearer over `num_frames`; the picture's corner is a hole."""
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:80, 0:96] / 80
        wall = self.near_m + (self.far_m - self.near_m) * random.uniform(0.5, 0.8)
        frames = np.full((self.num_frames, 80, 96), wall)
        inside = (x - random.uniform(0.4, 0.8)) ** 2 + (y - random.uniform(0.3, 0.7)) ** 2 < random.uniform(
            0.1, 0.3
        ) ** 2
        ball = self.near_m + (wall - self.near_m) * np.linspace(0.8, 0.5, self.num_frames)
        frames = np.where(inside, ball[:, None, None], frames)
        frames[:, :4, :4] = 0.0
        return frames.astype(np.float32)
