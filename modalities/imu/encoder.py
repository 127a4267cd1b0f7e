"""The default encoder of `imu`: residual convolutions over time."""

from typing import Any

from torch import nn

from binder.towers.blocks import TemporalConvNet
from binder.towers.parts import MeanOfParts


def imu_encoder(*, in_channels: int, in_parts: bool, **options: Any) -> nn.Module:
    """Build it; every stage halves the time axis; options of `TemporalConvNet`.

    (batch, row, time) -> (batch, 2 * channels[-1]); with `in_parts` of (batch, window, row, time), the mean of the
    windows' features.
    """
    network = TemporalConvNet(in_channels, **options)
    return MeanOfParts(network) if in_parts else network
