"""A space as a module of sentence-transformers. Floor: interop; needs the extra `sentence-transformers`.

`SentenceTransformer(modules=[SpaceModule(space)])` encodes whatever the space embeds, as that library's users write
it: texts, PIL pictures, {"array", "sampling_rate"}, paths of media files; and, as {"MODALITY": source}, all the rest.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from binder.errors import BinderError, SampleError
from binder.space import Space
from binder.types import Source

try:
    from sentence_transformers.base.modality import infer_modality
    from sentence_transformers.base.modules import InputModule
except ImportError as error:
    raise BinderError.explain(
        "sentence-transformers 6 is not installed",
        got=str(error),
        fix='pip install "hub-binder[sentence-transformers]"',
    ) from error

_KNOWN = ("text", "image", "audio", "video")  # to sentence-transformers
_FOLDER = "space"


class SpaceModule(InputModule):
    """Frozen: hub and towers stay what they are, and are no parameters of this module.

    Attributes:
        space: it moves with the model.
    """

    save_in_root = False
    place: Tensor  # empty; knows the device

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space
        self.register_buffer("place", torch.zeros(0, device=space.device), persistent=False)

    @property
    def modalities(self) -> list[Any]:
        """Those that sentence-transformers has a word for; the others are written as {"depth": source}."""
        return [modality for modality in _KNOWN if modality in self.space.modalities]

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Read and prepare samples of one modality.

        Args:
            inputs: see the module; a string is a path where a media file of that name is there, else a text.
            prompt: put before texts.
            kwargs: of other modules.

        Raises:
            BinderError: several modalities in one batch.
            RegistryError: the space does not embed this modality.
            SampleError: a sample that breaks its contract; or none that anybody knows.
        """
        del kwargs
        named = [self._name(one) for one in inputs]
        modalities = {modality for modality, _ in named}
        if len(modalities) > 1:
            raise BinderError.explain(
                "several modalities in one batch", got=", ".join(sorted(modalities)), fix="encode them one by one"
            )
        (modality,) = modalities
        embedder = self.space.embedder(modality)
        sources = [f"{prompt}{source}" if prompt and modality == "text" else source for _, source in named]
        return {"modality": modality, "prepared": [embedder.read(numbered) for numbered in enumerate(sources)]}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add `sentence_embedding`: unit vectors (n, dim)."""
        del kwargs
        vectors = self.space.embedder(features["modality"]).embed(features["prepared"])
        return {**features, "sentence_embedding": vectors.to(self.place.device)}

    def get_embedding_dimension(self) -> int:
        """Width of every vector."""
        return self.space.dim

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the space, with the files of a hub that is a local folder; weights are always safetensors."""
        del args, safe_serialization, kwargs
        self.space.save_pretrained(Path(output_path) / _FOLDER)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        init_defaults: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> "SpaceModule":
        """Open what `save` wrote, here or on a model hub."""
        del init_defaults, kwargs
        folder = cls.load_dir_path(
            model_name_or_path,
            subfolder=subfolder,
            token=token,
            cache_folder=cache_folder,
            revision=revision,
            local_files_only=local_files_only,
        )
        return cls(Space.load(Path(folder or "") / _FOLDER))

    def _apply(self, fn: Any, recurse: bool = True) -> "SpaceModule":
        super()._apply(fn, recurse)
        self.space.to(self.place.device)
        return self

    def _name(self, one: Any) -> tuple[str, Source]:
        """The modality of an input, and what holds its sample."""
        if isinstance(one, dict) and len(one) == 1 and (modality := next(iter(one))) in self.space.modalities:
            return modality, _as_source(one[modality])
        try:
            modality = infer_modality(one, supported_modalities=self.modalities)
        except ValueError as error:
            raise SampleError.explain(
                "no input of this space",
                got=str(error),
                expected='a text, a picture, {"array": ..., "sampling_rate": ...}, or {"MODALITY": source}',
                choices=self.space.modalities,
            ) from error
        if not isinstance(modality, str):
            raise SampleError.explain("several modalities in one input", got=modality, fix="encode them one by one")
        return modality, Path(one) if isinstance(one, str) and modality != "text" else _as_source(one)


def _as_source(held: Any) -> Source:
    if isinstance(held, dict) and "video_metadata" in held:
        held = held["array"]
    if isinstance(held, Tensor):
        return held.cpu().numpy()
    return held
