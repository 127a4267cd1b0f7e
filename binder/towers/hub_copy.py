"""An encoder that starts as the hub's own image tower, for any modality that looks like an image. Floor: towers.

`encoder: {name: hub-copy}`. The hub comes in through `ImageTower`; a checkpoint holds the architecture as
JSON and the weights, so that loading it needs no hub.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.modality import ModalitySpec
from binder.towers.encoders import HUB_COPY, sample_shape
from binder.towers.image_networks import adapt_input, build_image_network
from binder.towers.library import LibraryEncoder, by_frames, pad_to_multiple
from binder.types import ImageTower


@runtime_checkable
class ImageHub(Protocol):
    """A hub whose image tower can be copied."""

    def image_tower(self) -> ImageTower:
        """A copy of its image tower."""
        ...


class HubCopy(LibraryEncoder):
    """The hub's image tower with another input layer; returns what the hub would: unit vectors of its width.

    Values enter as they are: a modality's tensor stands where the hub's normalised pixels stood. Height and
    width are padded with zeros to whole patches. A clip (batch, channel, time, height, width) is the mean
    vector of its frames. Batch norms are frozen, statistics and scales: a vector must not depend on its
    batch neighbours, and the pictures' statistics are part of what is copied.

    Args:
        network: as `build_image_network` gives it, weights loaded or not.
        architecture: the JSON it was built from.
        channels: of the modality.
        size: height and width of the modality's tensors.
        origin: of the hub's weights; None in a checkpoint that is being rebuilt.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Mapping[str, Any],
        *,
        channels: int,
        size: tuple[int, int],
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        from timm.layers.norm_act import freeze_batch_norm_2d

        super().__init__(architecture, origin)
        self.multiple = adapt_input(network, channels=channels, size=size)
        self.network: nn.Module = freeze_batch_norm_2d(network)
        self.measure((channels, *size))

    def forward(self, x: Float[Tensor, "batch channel *time height width"]) -> Float[Tensor, "batch features"]:
        return nn.functional.normalize(by_frames(self._embed, x), dim=-1)

    def _embed(self, frames: Tensor) -> Tensor:
        vectors = self.network(pad_to_multiple(frames, (self.multiple, self.multiple)))
        vectors = vectors[0] if isinstance(vectors, tuple) else vectors  # CoCa gives its tokens too
        return nn.functional.normalize(vectors.float(), dim=-1)


def copy_hub(hub: ImageHub | None, spec: ModalitySpec) -> tuple[HubCopy, ImageTower]:
    """Copy the hub's image tower for the samples of `spec`.

    Returns:
        The encoder, and what it was copied from.

    Raises:
        RegistryError: no hub was given, or samples do not look like an image.
        HubError: the hub has no image tower to copy.
    """
    if hub is None:
        raise RegistryError.explain(
            "encoder hub-copy needs the hub",
            got="no hub",
            fix="give build_tower (or TowerCheckpoint.untrained) the open hub",
        )
    channels, size = picture_of(spec)
    tower = hub.image_tower()
    network = build_image_network(tower.architecture)
    try:
        network.load_state_dict(tower.weights)
    except RuntimeError as error:
        raise RegistryError.explain(
            "the hub's image tower is not what its configuration builds",
            got=error,
            fix="use another encoder, or another version of the hub's library",
        ) from error
    return HubCopy(network, tower.architecture, channels=channels, size=size, origin=tower.origin), tower


def rebuild_copy(architecture: Mapping[str, Any], spec: ModalitySpec) -> HubCopy:
    """The encoder of a saved copy, with random weights that the checkpoint then replaces."""
    channels, size = picture_of(spec)
    return HubCopy(build_image_network(architecture), architecture, channels=channels, size=size)


def start_as_hub(head: nn.Module, tower: ImageTower) -> None:
    """Make the head the identity, or the transform fitted to the hub: step 0 gives the hub's own vectors.

    Raises:
        RegistryError: a head that cannot be the identity.
    """
    if not isinstance(head, nn.Linear):
        raise RegistryError.explain(
            "a hub copy starts with the hub's own vectors", got="head: mlp", expected="head: linear"
        )
    with torch.no_grad():
        head.weight.copy_(torch.eye(*head.weight.shape) if tower.matrix is None else tower.matrix)
        head.bias.copy_(torch.zeros_like(head.bias) if tower.offset is None else tower.offset)


def picture_of(spec: ModalitySpec) -> tuple[int, tuple[int, int]]:
    """Channels and size of a modality's tensors.

    Raises:
        RegistryError: they are not (channel, height, width) or (channel, time, height, width).
    """
    shape = sample_shape(spec, HUB_COPY, axes=(3, 4))
    return shape[0], (shape[-2], shape[-1])
