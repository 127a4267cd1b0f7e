"""What encoders built by other libraries have in common. Floor: towers; for `hub_copy` and the adapters.

A checkpoint holds the architecture of such an encoder as JSON beside its weights: loading it asks for the
library, but neither for the network nor for the place the first weights came from.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from binder.errors import RegistryError
from binder.storage import hash_file


class LibraryEncoder(nn.Module):
    """An encoder whose network comes from another library.

    Attributes:
        width: features it returns.
        architecture: JSON that rebuilds the network, without its weights, for samples of the same shape.
        origin: JSON of where its first weights come from; None for random ones.
    """

    width: int

    def __init__(self, architecture: Mapping[str, Any], origin: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.architecture = dict(architecture)
        self.origin = None if origin is None else dict(origin)

    def measure(self, shape: tuple[int, ...]) -> None:
        """Set `width` by a trial run on one sample of zeros.

        Raises:
            ValueError: the network does not give one vector per sample.
        """
        with torch.no_grad():
            features = self.eval()(torch.zeros(1, *shape))
        self.train()
        keep_statistics(self)
        if features.ndim != 2 or len(features) != 1:
            raise ValueError(f"features of shape {tuple(features.shape)} from one sample, expected (1, width)")
        self.width = features.shape[1]


def by_frames(network: Any, x: Float[Tensor, "batch channel *time height width"]) -> Float[Tensor, "batch features"]:
    """Features of pictures; those of a clip are the mean over its frames."""
    frames = x if x.ndim == 4 else x.transpose(1, 2).flatten(0, 1)
    features = network(frames)
    return features if x.ndim == 4 else features.view(len(x), -1, *features.shape[1:]).mean(1)


def pad_to_multiple(
    x: Float[Tensor, "picture channel height width"], multiple: tuple[int, int]
) -> Float[Tensor, "picture channel taller wider"]:
    """Zeros at the bottom and the right, up to whole patches."""
    height, width = x.shape[-2:]
    return nn.functional.pad(x, (0, -width % multiple[1], 0, -height % multiple[0]))


def keep_statistics(network: nn.Module) -> None:
    """Put every batch norm of `network` into evaluation mode: a vector must not depend on its batch neighbours.

    Its scale and shift go on learning. Statistics of pretrained networks are part of what was pretrained; with
    random weights they are 0 and 1, and the layer is a scale and a shift (as in S. De and S. Smith, 2020,
    SkipInit, arXiv:2002.10444).
    """
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


@contextmanager
def building(name: str, shape: tuple[int, ...], *, extra: str | None = None, fix: str | None = None) -> Iterator[None]:
    """Run another library in here; whatever goes wrong becomes a `RegistryError`.

    Args:
        name: of the encoder, as a config writes it.
        shape: of the samples it must take.
        extra: of binder, that installs the library.
        fix: what this network is known to need; default: what may be wrong with any.

    Raises:
        RegistryError: the library is not installed, or cannot build, load or run the network.
    """
    try:
        yield
    except RegistryError:
        raise
    except ModuleNotFoundError as error:
        install = None if extra is None else f'pip install "hub-binder[{extra}]"'
        raise RegistryError.explain(f"cannot build encoder {name}", got=str(error), fix=install) from error
    except Exception as error:  # errors of the library, of its downloader, of safetensors, of torch
        raise RegistryError.explain(
            f"cannot build encoder {name} for samples of shape {shape}",
            got=f"{type(error).__name__}: {error}",
            expected="a model of that library, options that it takes, and weights that fit",
            fix=fix or "check the name, the encoder's options and the network; without network, give a directory",
        ) from error


def weights_origin(name: str, source: Path | str, **facts: Any) -> dict[str, Any]:
    """JSON of where pretrained weights come from; a file is named by its hash too."""
    path = Path(source)
    hashed = {"hash": hash_file(path)} if path.is_file() else {}
    return {"encoder": name, "weights": str(source), **hashed, **facts}
