"""The default encoder of `imu`: residual convolutions over time."""

from typing import Any

from binder.towers.blocks import TemporalConvNet


def imu_encoder(*, in_channels: int, **options: Any) -> TemporalConvNet:
    """Build it; every stage halves the time axis; options of `TemporalConvNet`."""
    return TemporalConvNet(in_channels, **options)
