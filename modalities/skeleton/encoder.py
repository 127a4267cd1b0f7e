"""The default encoder of `skeleton`: residual convolutions over time, joints as channels."""

from typing import Any

from binder.towers.blocks import TemporalConvNet


def skeleton_encoder(*, num_joints: int, masked: bool, **options: Any) -> TemporalConvNet:
    """Build it for three positions and three velocities per joint, and `masked` for whether it was seen.

    Options of `TemporalConvNet`.
    """
    return TemporalConvNet((7 if masked else 6) * num_joints, **options)
