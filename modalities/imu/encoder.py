"""The default encoder of `imu`: residual convolutions over time."""

from binder.towers.blocks import TemporalConvNet


def imu_encoder(
    *, in_channels: int, channels: tuple[int, ...] = (64, 128, 256), kernel: int = 5, dropout: float = 0.1
) -> TemporalConvNet:
    """Build it; every stage halves the time axis."""
    return TemporalConvNet(in_channels, channels=tuple(channels), kernel=kernel, dropout=dropout)
