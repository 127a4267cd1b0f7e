"""Prepare joints for the encoder: where the body stood and how tall it is are taken out."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from modalities.skeleton.read import seen

VELOCITY_GAIN = 8.0  # torso lengths per step -> about the spread of the positions (UTD-MHAD, 64 frames)
ALL = 1 - 1e-4  # of what a place between two frames is made of; below, a missing joint has a share in it


def transform_skeleton(
    sample: Float32[np.ndarray, "frame joint 3"],
    *,
    num_frames: int,
    root_joint: int,
    top_joint: int,
    mask_missing: bool,
) -> Float[Tensor, "feature {num_frames}"]:
    """Centre on the root's mean place, scale by the torso, stretch in time, add velocities.

    The mean over the recording, not each frame's root, is the origin: standing up stays visible. With
    `mask_missing`, joints of three zeros count for nothing: their features are 0, and one more row a joint
    is 1 where it was seen.
    """
    known = seen(sample) if mask_missing else np.ones(sample.shape[:2], bool)
    root, top = sample[:, root_joint], sample[:, top_joint]
    whole = known[:, root_joint] & known[:, top_joint]
    torso = float(np.linalg.norm(top - root, axis=-1)[whole].mean())
    centred = (sample - root[known[:, root_joint]].mean(axis=0)) / max(torso, 1e-3)
    positions = stretch(centred.reshape(len(sample), -1), num_frames)
    if not mask_missing:
        return with_velocities(positions, None)
    return with_velocities(positions, stretch(known.astype(np.float32), num_frames) > ALL)


def stretch(values: Float32[np.ndarray, "frame row"], num_frames: int) -> Float[Tensor, "row {num_frames}"]:
    """Read (frame, row) at `num_frames` places from the first frame to the last, by linear interpolation."""
    rows = torch.from_numpy(values.T.copy())
    return torch.nn.functional.interpolate(rows[None], size=num_frames, mode="linear", align_corners=True)[0]


def with_velocities(
    positions: Float[Tensor, "coordinate time"], known: Bool[Tensor, "joint time"] | None
) -> Float[Tensor, "feature time"]:
    """Append the change from the step before; the first step has none.

    With `known`, what was not seen is 0, velocities to and from it too, and `known` itself comes last.
    """
    change = torch.diff(positions, dim=1, prepend=positions[:, :1])
    if known is None:
        return torch.cat([positions, VELOCITY_GAIN * change])
    before = torch.cat([known[:, :1], known[:, :-1]], dim=1)
    axes = known.repeat_interleave(3, dim=0)
    both = (known & before).repeat_interleave(3, dim=0)
    parts = [torch.where(axes, positions, 0.0), torch.where(both, VELOCITY_GAIN * change, 0.0), known.float()]
    return torch.cat(parts)
