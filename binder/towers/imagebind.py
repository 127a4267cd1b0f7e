"""The transformer of ImageBind's towers, written from its paper; an encoder for any signal on a grid. Floor: towers.

[1] R. Girdhar et al., 2023, ImageBind: One Embedding Space To Bind Them All, arXiv:2305.05665, section 3 and
table 9; layer order, epsilons and the extra key and value are those of the released checkpoint's layout.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.towers.transformer import Block

EPSILON = 1e-6  # of every layer norm but the one on patches


class ImageBindEncoder(nn.Module):
    """Overlapping or disjoint patches, a class token, a pre-norm transformer, a projection; unit vectors.

    A sample that is a stack of clips (one more axis, before the channels) has the mean of its clips' unit vectors,
    as in [1]. The projection is inside because of that: give the tower's linear head the identity to keep the
    released model's vectors.

    Args:
        channels: of a sample that are read, the first; others, such as a mask of what is known, are not.
        size: its axes after the channels, e.g. (band, frame), (height, width), (time,), (frame, height, width).
        patch: along each of them.
        stride: likewise; None where patches do not overlap.
        width: of a token.
        depth: blocks.
        heads: of each block's attention.
        dim: of the vectors.
        drop_path: share of samples that skip the last block in training; earlier blocks less, the first none.
        dropout: on the class token, before the projection.
        mean: subtracted from every value: the part of the released preprocessing that the modality leaves out.
        std: every value is divided by it, likewise.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: tuple[int, ...],
        patch: tuple[int, ...],
        stride: tuple[int, ...] | None = None,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        dim: int = 1024,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        self.channels, self.mean, self.std = channels, mean, std
        stride = patch if stride is None else stride
        convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(size) - 1]
        self.patches = convolution(channels, width, patch, stride=stride, bias=False)  # pyright: ignore[reportArgumentType]
        self.patch_norm = nn.LayerNorm(width)
        tokens = 1 + math.prod(
            (length - one) // step + 1 for length, one, step in zip(size, patch, stride, strict=True)
        )
        self.class_token = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = nn.Parameter(torch.randn(tokens, width) * width**-0.5)
        skipped = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(
            Block(width, heads, eps=EPSILON, bias_kv=True, drop_path=share) for share in skipped
        )
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, dim, bias=False))
        self.width = dim
        self._sample_axes = 1 + len(size)

    def forward(self, x: Float[Tensor, "batch *clip_and_axes"]) -> Float[Tensor, "batch {self.width}"]:
        if x.ndim == 1 + self._sample_axes:
            return self._embed(x)
        clips = self._embed(x.flatten(0, 1)).view(*x.shape[:2], -1)
        return clips.mean(1)

    def _embed(self, x: Float[Tensor, "clip channel *axes"]) -> Float[Tensor, "clip {self.width}"]:
        x = (x[:, : self.channels] - self.mean) / self.std
        tokens = self.patch_norm(self.patches(x).flatten(2).transpose(1, 2))
        tokens = torch.cat([self.class_token.expand(len(x), 1, -1), tokens], dim=1) + self.positions
        for block in self.blocks:
            tokens = block(tokens)
        return nn.functional.normalize(self.project(self.norm(tokens)[:, 0]).float(), dim=-1)
