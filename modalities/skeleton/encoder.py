"""The default encoder of `skeleton`: residual convolutions over time, joints as channels."""

from typing import Any

from binder.towers.blocks import TemporalConvNet


def skeleton_encoder(*, num_joints: int, **options: Any) -> TemporalConvNet:
    """Build it for three positions and three velocities per joint; options of `TemporalConvNet`."""
    return TemporalConvNet(6 * num_joints, **options)
