"""Small helpers that the hub adapters share: check a model, describe it, count truncation. Floor: hub.

A hub's fingerprint must change when its tokenizer does, whatever library the tokenizer comes from;
so a tokenizer is described by its vocabulary and by what it makes of fixed texts.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from binder.errors import HubError
from binder.storage import hash_json
from binder.types import Sample

logger = logging.getLogger("binder.hub")
Loaded = TypeVar("Loaded")

# Case, punctuation, accents, digits, another script, whitespace: what tokenizers treat differently.
PROBES = ["A photo of a CAT, sitting.", "naïve  café 3.14", "left-arm swipe\tto the right", "猫の写真", "x" * 40]


class TruncationCounter:
    """Counts texts that a hub cuts off, and warns once."""

    def __init__(self, hub: str, context_length: int) -> None:
        self._hub, self._context_length = hub, context_length
        self.count = 0

    def note(self, num_tokens: list[int]) -> None:
        """Take the untruncated token counts of a batch."""
        longer = sum(number > self._context_length for number in num_tokens)
        if longer and not self.count:
            logger.warning(
                "%s reads only the first %d tokens of a text; longer ones are cut off (counted, said once)",
                self._hub,
                self._context_length,
            )
        self.count += longer


def describe_tokenizer(
    kind: str, vocabulary: Mapping[str, int], tokenize: Callable[[list[str]], Any], context_length: int
) -> dict[str, Any]:
    """JSON description of a tokenizer for the fingerprint."""
    return {
        "class": kind,
        "vocabulary": hash_json(dict(vocabulary)),
        "probes": [[int(token) for token in tokens] for tokens in tokenize(PROBES)],
        "context_length": context_length,
    }


def to_pil(hub: str, sample: Sample) -> Image.Image:
    """An image sample as PIL.

    Raises:
        HubError: not uint8 (height, width, 3), or empty.
    """
    if not _is_array(sample, np.uint8, 3) or sample.shape[2] != 3:
        expected = "uint8 (height, width, 3), RGB"
        raise HubError.explain(f"{hub} cannot embed this image", got=_kind(sample), expected=expected)
    return Image.fromarray(sample)


def to_waveform(hub: str, sample: Sample) -> Float32[np.ndarray, " time"]:
    """A sound sample as one channel of amplitudes.

    Raises:
        HubError: not float32 (time, 1), or empty.
    """
    if not _is_array(sample, np.float32, 2) or sample.shape[1] != 1:
        raise HubError.explain(f"{hub} cannot embed this sound", got=_kind(sample), expected="float32 (time, 1), mono")
    return sample[:, 0]


def to_frames(hub: str, sample: Sample) -> UInt8[np.ndarray, "time height width 3"]:
    """A video sample as RGB frames.

    Raises:
        HubError: not uint8 (time, height, width, 3), or empty.
    """
    if not _is_array(sample, np.uint8, 4) or sample.shape[3] != 3:
        expected = "uint8 (time, height, width, 3), RGB"
        raise HubError.explain(f"{hub} cannot embed this video", got=_kind(sample), expected=expected)
    return sample


def _is_array(sample: Sample, dtype: type, ndim: int) -> TypeGuard[np.ndarray]:
    """Whether it is an array of this type, with this many axes and something in it."""
    return isinstance(sample, np.ndarray) and sample.dtype == dtype and sample.ndim == ndim and sample.size > 0


def _kind(sample: Sample) -> str:
    return f"{sample.dtype} {sample.shape}" if isinstance(sample, np.ndarray) else type(sample).__name__


def check_texts(hub: str, samples: list[Sample]) -> list[str]:
    """Text samples as strings.

    Raises:
        HubError: something that is not a string.
    """
    for sample in samples:
        if not isinstance(sample, str):
            raise HubError.explain(f"{hub} cannot embed this text", got=type(sample).__name__, expected="str")
    return samples  # pyright: ignore[reportReturnType]


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Hold back the progress bars of transformers, then put the user's setting back."""
    from transformers.utils import logging as library

    was_on = library.is_progress_bar_enabled()
    library.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            library.enable_progress_bar()


@contextmanager
def loading(name: str, *, expected: str, fix: str, extra: str | None = None) -> Iterator[None]:
    """Load a hub by its library in here; whatever goes wrong becomes a `HubError`.

    Args:
        name: of the hub.
        expected: what can be loaded.
        fix: what to try.
        extra: of binder, that installs the library, where it is not part of the core.

    Raises:
        HubError: the library is not installed, or cannot load the model.
    """
    try:
        yield
    except HubError:
        raise
    except ModuleNotFoundError as error:
        install = None if extra is None else f'pip install "hub-binder[{extra}]"'
        raise HubError.explain(f"cannot load {name}", got=str(error), fix=install) from error
    except Exception as error:  # the library's own errors, the downloader's, those of torch and safetensors
        raise HubError.explain(
            f"cannot load {name}", got=f"{type(error).__name__}: {error}", expected=expected, fix=fix
        ) from error


def load_checked(
    name: str,
    model: str,
    folder: Path | None,
    revision: str | None,
    load: Callable[[str, dict[str, Any]], tuple[Loaded, Any]],
    *,
    extra: str,
    expected: str,
) -> Loaded:
    """Load a model by a library of the Hugging Face family; whatever goes wrong becomes a `HubError`.

    Args:
        name: of the hub.
        model: hub id.
        folder: to load instead, without network.
        revision: of a hub id.
        load: (id or path, options of every `from_pretrained`) -> (what was loaded, report on its weights);
            imports its library itself.
        extra: of binder, that installs the library.
        expected: what can be loaded.

    Raises:
        HubError: the library is not installed, it cannot load the model, or weights are missing.
    """
    options = {"revision": revision, "local_files_only": folder is not None}
    fix = "check the name, your login and the network; without network, give a directory"
    with loading(name, expected=expected, fix=fix, extra=extra), quiet_loading():
        loaded, report = load(str(folder or model), options)
    check_complete(name, report)
    return loaded


def local_folder(model: str) -> Path | None:
    """The directory that a model name means, absolute: one that exists, or a name spelled like a path."""
    path = Path(model).expanduser()
    spelled_as_path = model.startswith(("/", "./", "../", "~"))
    return path.absolute() if path.is_dir() or spelled_as_path else None


def hub_name(scheme: str, model: str, folder: Path | None) -> str:
    """SCHEME:MODEL as it is stored: a folder by its absolute path, good in any working directory."""
    return f"{scheme}:{folder or model}"


def no_folder(hub: str, folder: Path) -> HubError:
    """The error for a directory that is not there."""
    return HubError.explain(
        f"cannot load {hub}",
        got=f"no directory {folder}",
        fix="check the path; if a saved space's hub has moved: Space.load(SPACE, hub='SCHEME:/ITS/NEW/PLACE')",
    )


def check_folder(hub: str, folder: Path, *, needs: str) -> None:
    """Raise unless `folder` is a directory with the file `needs` and weights as safetensors.

    Raises:
        HubError: what is missing. Weights that are only there as pickles are not loaded.
    """
    if not folder.is_dir():
        raise no_folder(hub, folder)
    if not (folder / needs).is_file():
        found = sorted(path.name for path in folder.iterdir())
        raise HubError.explain(f"cannot load {hub}", got=f"{folder} holds {found}", expected=f"{needs} and weights")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        raise HubError.explain(
            f"cannot load {hub}",
            got=f"no *.safetensors in {folder}" + (f"; pickles: {pickles}" if pickles else ""),
            expected="weights as safetensors; binder loads no pickle and never starts from random weights",
            fix="convert the weights with safetensors.torch.save_file",
        )


def check_complete(name: str, report: Any) -> None:
    """Raise where transformers filled in weights that the checkpoint does not have.

    Raises:
        HubError: missing or mismatched weights, which would be random.
    """
    random = sorted(map(str, {*report["missing_keys"], *report.get("mismatched_keys", ())}))
    if random:
        raise HubError.explain(
            f"cannot load {name}",
            got=f"{len(random)} weights are missing or of another shape, e.g. {random[:3]}",
            expected="a checkpoint of the whole model; binder never starts from random weights unasked",
        )
