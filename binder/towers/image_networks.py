"""Image networks of other libraries: rebuilt from JSON, and their input layer adapted. Floor: towers; for `hub_copy`.

What differs from picture to modality is channels and size, so only two things are touched: the first
convolution and the position embeddings. Libraries are imported in the function that needs them.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError

RGB = 3


def build_image_network(architecture: Mapping[str, Any]) -> nn.Module:
    """Build the network that `ImageTower.architecture` describes, with random weights.

    Raises:
        RegistryError: its library is not installed, or builds something else than it did.
    """
    library = architecture["library"]
    try:
        return _BUILDERS[library](architecture)
    except ImportError as error:
        raise RegistryError.explain(
            "cannot rebuild the hub's image tower",
            got=str(error),
            fix=f'pip install "hub-binder[{library}]"' if library == "transformers" else f"install {library}",
        ) from error


def adapt_input(network: nn.Module, *, channels: int, size: tuple[int, int]) -> int:
    """Let `network` take `channels` channels of `size` pixels; the weights it has are kept or interpolated.

    Returns:
        The multiple to which height and width must be padded: the patch, or 1.

    Raises:
        RegistryError: a first layer or position embedding of a kind that is not known here.
    """
    first = adapt_channels(network, channels)
    stride = first.stride[0] if first.stride == first.kernel_size else 1  # patches do not overlap
    if hasattr(network, "attnpool"):
        stride = 32  # open_clip's ModifiedResNet: one position per 32 pixels
    padded = (size[0] + -size[0] % stride, size[1] + -size[1] % stride)
    _resize_positions(network, padded, stride)
    return stride


def adapt_channels(network: nn.Module, channels: int) -> nn.Conv2d:
    """Let the first layer of `network` take `channels` channels, and return it.

    Raises:
        RegistryError: a first layer of a kind that is not known here.
    """
    name, first = _first_convolution(network)
    adapted = _with_channels(first, channels)
    network.set_submodule(name, adapted)
    for module in network.modules():  # transformers' embeddings compare it with what they are given
        if getattr(module, "num_channels", None) == RGB:
            module.num_channels = channels  # pyright: ignore[reportArgumentType]
    return adapted


def _open_clip(architecture: Mapping[str, Any]) -> nn.Module:
    from open_clip.model import _build_vision_tower

    vision = {**architecture["vision_cfg"], "timm_model_pretrained": False}
    return _build_vision_tower(architecture["embed_dim"], vision, architecture["quick_gelu"])  # pyright: ignore


class _TransformersNetwork(nn.Module):
    """A vision model of transformers and its projection, if it has one, as one function of pixels."""

    def __init__(self, vision_model: nn.Module, projection: nn.Module | None) -> None:
        super().__init__()
        self.vision_model = vision_model
        if projection is not None:
            self.visual_projection = projection

    def forward(self, pixels: Float[Tensor, "picture channel height width"]) -> Float[Tensor, "picture dim"]:
        pooled = self.vision_model(pixels, interpolate_pos_encoding=True).pooler_output
        return self.visual_projection(pooled) if hasattr(self, "visual_projection") else pooled


def _transformers(architecture: Mapping[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    config = dict(architecture["vision_config"])
    config = AutoConfig.for_model(config.pop("model_type"), **config)
    shape = architecture["projection"]
    projection = None if shape is None else nn.Linear(shape[1], shape[0], bias=False)
    return _TransformersNetwork(AutoModel.from_config(config), projection)


_BUILDERS = {"open_clip": _open_clip, "transformers": _transformers}


def _first_convolution(network: nn.Module) -> tuple[str, nn.Conv2d]:
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            # a subclass may normalise its weights: then sums of kernels don't give sums of activations
            known = type(module) is nn.Conv2d or type(module).__name__ == "Conv2dSame"
            if known and module.in_channels == RGB and module.groups == 1:
                return name, module
            break
    raise RegistryError.explain(
        "the input layer of the hub's image tower can't be adapted",
        got=type(network).__name__,
        expected="a plain convolution over RGB as its first layer",
        fix="use another encoder",
    )


def _with_channels(first: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The same convolution for another number of channels.

    One channel gets the sum of the RGB kernels: its activations are those of the grey picture, the same
    map in R, G and B. Three keep the kernels. With any other number the first channel gets that sum and
    the others start at zero, so that step 0 sees the first channel as a grey picture.
    """
    adapted = deepcopy(first)
    if channels == RGB:
        return adapted
    adapted.in_channels = channels
    grey = first.weight.detach().sum(dim=1, keepdim=True)
    rest = torch.zeros(grey.shape[0], channels - 1, *grey.shape[2:])
    adapted.weight = nn.Parameter(torch.cat([grey, rest], dim=1))
    return adapted


def _resize_positions(network: nn.Module, size: tuple[int, int], stride: int) -> None:
    """Interpolate position embeddings to the grid of a picture of `size`; transformers does so as it runs."""
    trunk = getattr(network, "trunk", None)  # timm inside open_clip
    if trunk is not None:
        if getattr(trunk, "pos_embed", None) is not None:
            trunk.set_input_size(img_size=size)  # pyright: ignore[reportCallIssue]
        return
    owner = getattr(network, "attnpool", network)
    held = getattr(owner, "positional_embedding", None)
    if held is not None:
        from timm.layers.pos_embed import resample_abs_pos_embed

        grid = [size[0] // stride, size[1] // stride]
        moved = resample_abs_pos_embed(held.detach()[None], new_size=grid, num_prefix_tokens=1)[0]  # pyright: ignore[reportCallIssue]
        owner.positional_embedding = nn.Parameter(moved.clone(), requires_grad=held.requires_grad)
