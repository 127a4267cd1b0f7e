"""The default encoder of `skeleton`: residual convolutions over time, joints as channels."""

from binder.towers.blocks import TemporalConvNet


def skeleton_encoder(
    *, num_joints: int, channels: tuple[int, ...] = (64, 128, 256), kernel: int = 5, dropout: float = 0.1
) -> TemporalConvNet:
    """Build it for three positions and three velocities per joint."""
    return TemporalConvNet(6 * num_joints, channels=tuple(channels), kernel=kernel, dropout=dropout)
