"""One transformer block, as imported towers have it. Floor: towers; for `imagebind` and `languagebind`."""

from jaxtyping import Float
from timm.layers.drop import DropPath
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x): the activation of OpenAI's CLIP, https://github.com/openai/CLIP."""

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return x * (1.702 * x).sigmoid()


ACTIVATIONS = {"gelu": nn.GELU, "quick_gelu": QuickGELU}


class Block(nn.Module):
    """Attention, then two layers, each on normed tokens and beside a shortcut.

    Args:
        width: of a token.
        heads: of the attention.
        eps: of the layer norms.
        activation: between the two layers, one of `ACTIVATIONS`.
        bias_kv: one learned key and value stand beside those of the tokens.
        drop_path: share of samples that skip this block in training.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        eps: float,
        activation: str = "gelu",
        bias_kv: bool = False,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width, eps=eps)
        self.attention = nn.MultiheadAttention(width, heads, add_bias_kv=bias_kv, batch_first=True)
        self.norm_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), ACTIVATIONS[activation](), nn.Linear(4 * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "sample token width"]) -> Float[Tensor, "sample token width"]:
        normed = self.norm_1(x)
        x = x + self.drop_path(self.attention(normed, normed, normed, need_weights=False)[0])
        return x + self.drop_path(self.mlp(self.norm_2(x)))
