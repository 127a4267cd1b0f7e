"""The modality `skeleton`: its options and contract; the work is done in the files beside this one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from binder.display import Motion
from binder.modality import ModalitySpec
from binder.types import InputContract, LengthPolicy, Source
from modalities.options import check_choices, check_ranges
from modalities.skeleton.read import read_skeleton
from modalities.skeleton.show import show_body

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Skeleton(ModalitySpec):
    """Joint positions of one body, in metres; defaults are the 20 joints of the Kinect v1.

    Attributes:
        num_joints: joints per frame, always in the same order.
        num_frames: frames the encoder gets; a whole recording is stretched to it.
        root_joint: the joint that becomes the origin (hip centre).
        top_joint: its mean distance from the root becomes the unit (shoulder centre).
        range_m: largest coordinate allowed.
        missing: joints that were not tracked are refused (`refuse`: NaN is an error) or masked (`mask`: NaN, or
            three zeros, is a joint that was not seen, and the encoder is told so).
        yaw_degrees: augmentation turns the body about the vertical by at most this angle.
        scale_jitter: augmentation scales each axis by at most this fraction.
        time_crop: augmentation cuts off at most this fraction of the recording.
        time_warp: augmentation changes the pace by at most this fraction.
        noise: standard deviation of the noise that augmentation adds to each joint, in torso lengths.
    """

    name: ClassVar[str] = "skeleton"

    num_joints: int = 20
    num_frames: int = 64
    root_joint: int = 3
    top_joint: int = 1
    range_m: float = 10.0
    missing: str = "refuse"
    yaw_degrees: float = 15.0
    scale_jitter: float = 0.1
    time_crop: float = 0.15
    time_warp: float = 0.4
    noise: float = 0.02

    def __post_init__(self) -> None:
        joint = f">= 0, < {self.num_joints}"
        check_ranges(self, num_joints=">= 1", num_frames=">= 1", root_joint=joint, top_joint=joint, range_m="> 0")
        check_choices(self, missing=("refuse", "mask"))

    @property
    def contract(self) -> InputContract:
        return InputContract(
            layout="frame joint axis",
            unit="m",
            value_range=(-self.range_m, self.range_m),
            min_length=2,
            length=LengthPolicy(kind="stretch", length=self.num_frames),
            nan_is_missing=self.missing == "mask",
        )

    def read(self, source: Source) -> np.ndarray:
        return read_skeleton(
            source,
            num_joints=self.num_joints,
            mask_missing=self.missing == "mask",
            body=(self.root_joint, self.top_joint),
        )

    def transform(self, sample: np.ndarray) -> "torch.Tensor":
        from modalities.skeleton.transform import transform_skeleton

        return transform_skeleton(
            sample,
            num_frames=self.num_frames,
            root_joint=self.root_joint,
            top_joint=self.top_joint,
            mask_missing=self.missing == "mask",
        )

    def augment(self, tensor: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        from modalities.skeleton.augment import augment_skeleton

        return augment_skeleton(
            tensor,
            generator,
            num_joints=self.num_joints,
            yaw_degrees=self.yaw_degrees,
            scale_jitter=self.scale_jitter,
            time_crop=self.time_crop,
            time_warp=self.time_warp,
            noise=self.noise,
        )

    def encoder(self, **options: Any) -> "nn.Module":
        from modalities.skeleton.encoder import skeleton_encoder

        return skeleton_encoder(num_joints=self.num_joints, masked=self.missing == "mask", **options)

    def show(self, sample: np.ndarray) -> Motion:
        return show_body(sample)

    def synthetic(self, seed: int) -> np.ndarray:
        """Forty frames of a random body whose last joints swing."""
        random = np.random.default_rng(seed)
        body = random.uniform(-0.8, 0.8, (self.num_joints, 3)) + np.array([0.0, 0.0, 2.5])
        swing = 0.3 * np.sin(np.arange(40) * random.uniform(0.1, 0.5))
        sample = np.repeat(body[None], 40, axis=0)
        sample[:, self.num_joints // 2 :, 1] += swing[:, None]
        return sample.astype(np.float32)
