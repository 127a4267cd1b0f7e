"""The default text encoder; called by `Text.encoder`."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from modalities.text.transform import NUM_IDS, PAD


class MaskedBlock(nn.Module):
    """A dilated convolution beside a shortcut that never lets padding speak.

    Layer norm acts on each byte alone, and padded places are set to zero before the convolution:
    the text then sees the same zeros as at the end of an unpadded batch.
    """

    def __init__(self, width: int, *, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "text byte width"], mask: Bool[Tensor, "text byte"]
    ) -> Float[Tensor, "text byte width"]:
        quiet = self.norm(x) * mask[..., None]
        return x + self.dropout(nn.functional.gelu(self.conv(quiet.mT).mT))


class ByteConvNet(nn.Module):
    """Bytes -> dilated convolutions -> mean and maximum over the bytes that are there.

    Args:
        channels: features per byte; the output has twice as many.
        dilations: one block each; with kernel 5 the default sees 61 bytes around every byte.
        kernel: odd kernel size in bytes.
        dropout: inside each block.
    """

    def __init__(
        self, *, channels: int = 128, dilations: Sequence[int] = (1, 2, 4, 8), kernel: int = 5, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_IDS, channels, padding_idx=PAD)
        self.blocks = nn.ModuleList(
            MaskedBlock(channels, kernel=kernel, dilation=dilation, dropout=dropout) for dilation in dilations
        )
        self.norm = nn.LayerNorm(channels)
        self.width = 2 * channels

    def forward(self, batch: dict[str, Tensor]) -> Float[Tensor, "text features"]:
        mask = batch["mask"]
        x = self.embedding(batch["ids"])
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        largest = x.masked_fill(~mask[..., None], -torch.inf).amax(1)
        return torch.cat([mean, largest], dim=-1)
