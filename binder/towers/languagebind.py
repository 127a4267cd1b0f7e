"""The vision transformer of LanguageBind's branches, written from its paper. Floor: towers.

[1] B. Zhu et al., 2024, LanguageBind, arXiv:2310.01852, section 3: CLIP's ViT for every branch; video adds attention
over time to every block. Layer order and names follow the released checkpoints (LoRA merged).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.towers.transformer import Block

EPSILON = 1e-5


class LanguageBindEncoder(nn.Module):
    """CLIP's vision transformer on pictures of any shape, with attention over time where there are `frames`.

    The class tokens of a clip's frames are averaged before the projection. The projection is inside: give the
    tower's linear head the identity to keep the released model's vectors.

    Args:
        size: height and width of a picture (mel rows and frames of a sound).
        patch: side of a patch.
        width: of a token.
        depth: blocks.
        heads: of each block's attention.
        dim: of the features.
        activation: `gelu` or `quick_gelu`.
        frames: of a clip, which attend to each other; None for no attention over time.
        grey: the first channel stands for red, green and blue; other channels, such as a mask of what is known,
            are not read.
        mean: of each channel, subtracted: the part of the released preprocessing that the modality leaves out.
        std: each channel is divided by it, likewise.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] = (224, 224),
        patch: int = 14,
        width: int = 1024,
        depth: int = 24,
        heads: int = 16,
        dim: int = 768,
        activation: str = "gelu",
        frames: int | None = None,
        grey: bool = False,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.grey = grey
        self.mean = nn.Buffer(torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.std = nn.Buffer(torch.tensor(std).view(3, 1, 1), persistent=False)
        self.patches = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        tokens = 1 + (size[0] // patch) * (size[1] // patch)
        self.class_token = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = nn.Parameter(torch.randn(tokens, width) * width**-0.5)
        self.norm_tokens = nn.LayerNorm(width, eps=EPSILON)
        self.times = nn.ModuleList(_TimeAttention(width, heads, frames) for _ in range(depth if frames else 0))
        self.blocks = nn.ModuleList(Block(width, heads, eps=EPSILON, activation=activation) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.project = nn.Linear(width, dim, bias=False)
        self.width = dim

    def forward(self, x: Float[Tensor, "batch channel *time height width"]) -> Float[Tensor, "batch {self.width}"]:
        clips = x.unsqueeze(2) if x.ndim == 4 else x
        pictures = clips.transpose(1, 2).flatten(0, 1)
        pictures = pictures[:, :1].expand(-1, 3, -1, -1) if self.grey else pictures
        tokens = self.patches((pictures - self.mean) / self.std).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1) + self.positions
        tokens = self.norm_tokens(tokens)
        for number, block in enumerate(self.blocks):
            if self.times:
                tokens = self.times[number](tokens)
            tokens = block(tokens)
        features = self.norm(tokens[:, 0]).view(len(x), clips.shape[2], -1).mean(1)
        return self.project(features)


class _TimeAttention(nn.Module):
    """Each place of a picture attends to the same place in the other frames of its clip."""

    def __init__(self, width: int, heads: int, frames: int | None) -> None:
        super().__init__()
        assert frames is not None
        self.frames = frames
        self.embedding = nn.Parameter(torch.randn(frames, width) * width**-0.5)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Float[Tensor, "picture token width"]) -> Float[Tensor, "picture token width"]:
        tokens, width = x.shape[1:]
        along = x.view(-1, self.frames, tokens, width).transpose(1, 2).flatten(0, 1)
        if self.frames > 1:
            along = along + self.embedding
        normed = self.norm(along)
        along = along + self.attention(normed, normed, normed, need_weights=False)[0]
        return along.view(-1, tokens, self.frames, width).transpose(1, 2).flatten(0, 1)
