"""Small networks that several modalities build their default encoders from. Floor: towers.

All use GroupNorm, never BatchNorm: a vector must not depend on its batch neighbours, and N
processes must train like one. Each has an int `width`, the number of features it returns.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ResidualBlock1d(nn.Module):
    """Two convolutions over time beside a shortcut; halves the time axis when `stride` is 2."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.GroupNorm(8, out_channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Conv1d(out_channels, out_channels, kernel, padding=kernel // 2, bias=False),
            nn.GroupNorm(8, out_channels),
        )
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv1d(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch out shorter"]:
        return nn.functional.gelu(self.body(x) + self.shortcut(x))


class TemporalConvNet(nn.Module):
    """Residual 1-D convolutions over time, then mean and maximum over what is left.

    Args:
        in_channels: channels of the (batch, channel, time) input.
        channels: output channels per stage, each divisible by 8; every stage halves time.
        kernel: odd kernel size in time steps.
        dropout: inside each block.
    """

    def __init__(
        self, in_channels: int, *, channels: tuple[int, ...] = (64, 128, 256), kernel: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__()
        sizes = (in_channels, *channels)
        self.stages = nn.Sequential(
            *(ResidualBlock1d(a, b, kernel=kernel, stride=2, dropout=dropout) for a, b in pairwise(sizes))
        )
        self.width = 2 * channels[-1]

    def forward(self, x: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch width"]:
        features = self.stages(x)
        return torch.cat([features.mean(-1), features.amax(-1)], dim=-1)


class ImageStage(nn.Sequential):
    """Halves both sides of a map; or, with `patch`, cuts a picture into patches of that side."""

    def __init__(self, in_channels: int, out_channels: int, *, patch: int | None = None) -> None:
        kernel, stride, padding = (3, 2, 1) if patch is None else (patch, patch, 0)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False),
            nn.GroupNorm(8, out_channels),
            nn.GELU(),
        )


class ImageConvNet(nn.Module):
    """Strided 2-D convolutions over an image-like map, then mean and maximum over space.

    Args:
        in_channels: channels of the (batch, channel, height, width) input.
        channels: output channels per stage, each divisible by 8; every stage halves both sides.
        dropout: on the pooled features.
    """

    def __init__(
        self, in_channels: int, *, channels: tuple[int, ...] = (32, 64, 128, 256), dropout: float = 0.0
    ) -> None:
        super().__init__()
        sizes = (in_channels, *channels)
        self.stages = nn.Sequential(*(ImageStage(a, b) for a, b in pairwise(sizes)))
        self.dropout = nn.Dropout(dropout)
        self.width = 2 * channels[-1]

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch features"]:
        features = self.stages(x)
        return self.dropout(torch.cat([features.mean((-2, -1)), features.amax((-2, -1))], dim=-1))


class ClipConvNet(nn.Module):
    """2-D convolutions on short stacks of frames, then residual convolutions over time.

    Every frame enters beside its difference from the clip's mean frame: what moves, whoever moves it
    (+5 mAP of emergent retrieval on a left-out subject of UTD-MHAD). Frames that follow each other enter
    as channels of one picture; the last map is flattened, not pooled, so that places keep their meaning.

    Args:
        in_channels: channels of the (batch, channel, time, size, size) input.
        size: side of the square frames.
        patch: side of the patches that the first stage sees; the next stages halve the map.
        frame_channels: output channels per image stage, each divisible by 8.
        frame_features: features per stack that enter the temporal network.
        channels: stages of the temporal network.
        stack: frames per stack; time must be divisible by it.
        kernel: of the temporal network.
        dropout: on frame features and inside the temporal network.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        size: int,
        patch: int = 4,
        frame_channels: tuple[int, ...] = (32, 64, 96),
        frame_features: int = 128,
        channels: tuple[int, ...] = (192, 256),
        stack: int = 2,
        kernel: int = 3,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stack = stack
        self.image_stages = nn.Sequential(
            ImageStage(2 * in_channels * stack, frame_channels[0], patch=patch),
            *(ImageStage(a, b) for a, b in pairwise(frame_channels)),
        )
        side = size // patch
        for _ in frame_channels[1:]:
            side = (side + 1) // 2
        self.to_features = nn.Sequential(nn.Dropout(dropout), nn.Linear(frame_channels[-1] * side**2, frame_features))
        self.over_time = TemporalConvNet(frame_features, channels=channels, kernel=kernel, dropout=dropout)
        self.width = self.over_time.width

    @property
    def blocks(self) -> list[nn.Module]:
        """What `trained: last:N` counts, first to last."""
        return [*self.image_stages, self.to_features, *self.over_time.stages]

    def forward(self, x: Float[Tensor, "batch channel time size size"]) -> Float[Tensor, "batch features"]:
        x = torch.cat([x, x - x.mean(2, keepdim=True)], dim=1)
        batch, channels, time, height, width = x.shape
        stacks = x.transpose(1, 2).reshape(batch * time // self.stack, self.stack * channels, height, width)
        maps = self.image_stages(stacks.contiguous(memory_format=torch.channels_last))
        features = self.to_features(maps.flatten(1)).view(batch, time // self.stack, -1)
        return self.over_time(features.transpose(1, 2))
