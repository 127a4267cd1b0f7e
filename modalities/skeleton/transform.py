"""Prepare joints for the encoder: where the body stood and how tall it is are taken out."""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

VELOCITY_GAIN = 8.0  # torso lengths per step -> about the spread of the positions (UTD-MHAD, 64 frames)


def transform_skeleton(
    sample: Float32[np.ndarray, "frame joint 3"], *, num_frames: int, root_joint: int, top_joint: int
) -> Float[Tensor, "feature {num_frames}"]:
    """Centre on the root's mean place, scale by the torso, stretch in time, add velocities.

    The mean over the recording, not each frame's root, is the origin: standing up stays visible.
    """
    root, top = sample[:, root_joint], sample[:, top_joint]
    torso = float(np.linalg.norm(top - root, axis=-1).mean())
    centred = (sample - root.mean(axis=0)) / max(torso, 1e-3)
    flat = torch.from_numpy(centred.reshape(len(sample), -1).T.copy())
    stretched = torch.nn.functional.interpolate(flat[None], size=num_frames, mode="linear", align_corners=True)[0]
    return with_velocities(stretched)


def with_velocities(positions: Float[Tensor, "coordinate time"]) -> Float[Tensor, "feature time"]:
    """Append the change from the step before; the first step has none."""
    change = torch.diff(positions, dim=1, prepend=positions[:, :1])
    return torch.cat([positions, VELOCITY_GAIN * change])
