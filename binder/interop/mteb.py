"""A space as an encoder of mteb, whose tasks it then runs (MTEB, MIEB, MAEB). Floor: interop; needs the extra `mteb`.

`mteb.evaluate(SpaceEncoder(space), tasks)`. The protocol is `mteb.models.EncoderProtocol`:
https://embeddings-benchmark.github.io/mteb/. mteb knows texts, images, audio and video; towers of other senses have no
tasks there.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from safetensors.torch import save

from binder.errors import BinderError
from binder.space import Space
from binder.storage import hash_bytes, hash_json
from binder.types import Source

try:
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.modality_collators import AudioCollator, FramesCollator
except ImportError as error:
    raise BinderError.explain("mteb is not installed", got=str(error), fix='pip install "hub-binder[mteb]"') from error

_KNOWN = ("text", "image", "audio", "video")  # to mteb


class SpaceEncoder(AbsEncoder):
    """Embeds what mteb's tasks hold; similarity is the cosine.

    Attributes:
        space: what embeds.
        mteb_model_meta: name, revision and modalities. The revision is a hash of hub, towers and their options:
            mteb keeps results by name and revision, and another space must not be given these.
    """

    def __init__(
        self,
        model_name: Space | str | Path,
        revision: str | None = None,
        *,
        device: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Open a space for mteb.

        Args:
            model_name: a space, its folder, or ORG/NAME on a model hub.
            revision: of ORG/NAME: branch, tag or commit.
            device: where it runs; None leaves an open space where it is, and opens another on the CPU.
            name: ORG/NAME under which mteb keeps the results.
            kwargs: of mteb's other models.
        """
        del kwargs
        space = model_name
        if not isinstance(space, Space):
            name = name or (f"binder/{Path(space).name}" if Path(space).is_dir() else str(space))
            space = Space.from_pretrained(space, revision=revision)
        self.space = space if device is None else space.to(device)
        self.mteb_model_meta = _describe(self.space, name or f"binder/{space.fingerprint[:8]}")

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = 32,
        precision: str = "float32",
        **kwargs: Any,
    ) -> Float32[np.ndarray, "sample dim"]:
        """Embed batches of a task.

        Args:
            inputs: batches; the columns that mteb knows hold the samples. Where a row has several of them, its
                vector is the unit-length mean of theirs, as for mteb's CLIP models.
            batch_size: samples per forward.
            precision: float32 only.
            kwargs: task, split, subset and prompt type change nothing: there are no instructions here.

        Raises:
            BinderError: another precision, or no column that mteb knows.
            RegistryError: the space does not embed what the task holds.
            SampleError: a sample that breaks its contract.
        """
        del kwargs
        if precision != "float32":
            raise BinderError.explain("a space gives float32 vectors", got=precision, expected="float32")
        vectors = [self._encode_batch(batch, batch_size) for batch in inputs]
        return np.concatenate([np.zeros((0, self.space.dim), np.float32), *vectors])

    def _encode_batch(self, batch: Mapping[str, Any], batch_size: int) -> np.ndarray:
        columns = [name for name in _KNOWN if name in batch]
        if not columns:
            raise BinderError.explain("a task without samples", got=", ".join(batch), choices=_KNOWN)
        sources: dict[str, Sequence[Source]] = {
            name: [self._as_source(name, one) for one in batch[name]] for name in columns
        }
        encoded = self.space.encode(batch_size=batch_size, **sources)
        total = np.sum([encoded[name] for name in columns], axis=0)
        return total / np.linalg.norm(total, axis=1, keepdims=True)

    def _as_source(self, modality: str, held: Any) -> Source:
        """What a task's cell holds, as this space reads it: sounds at its own rate, videos as their frames."""
        if modality == "audio":
            rate = self.space.spec(modality).contract.rate_hz
            rate_hz = int(rate or held["sampling_rate"])
            mono = AudioCollator.resample_audio({"audio": held}, target_sampling_rate=rate_hz)
            return {"array": np.asarray(mono, np.float32).reshape(-1), "sampling_rate": rate_hz}
        if modality == "video":
            return FramesCollator.resample_video(held).permute(0, 2, 3, 1).cpu().numpy()
        return held


def _describe(space: Space, name: str) -> ModelMeta:
    return ModelMeta(
        loader=SpaceEncoder,
        name=name,
        revision=_revision(space),
        release_date=None,
        languages=None,
        n_parameters=None,  # the hub may be an API's vectors
        memory_usage_mb=None,
        max_tokens=None,
        embed_dim=space.dim,
        license=None,  # several bind a space; see its card
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["PyTorch"],
        similarity_fn_name="cosine",  # pyright: ignore[reportArgumentType]: its validator takes the word
        use_instructions=False,
        training_datasets=None,
        modalities=[modality for modality in _KNOWN if modality in space.modalities],
    )


def _revision(space: Space) -> str:
    """Changes with everything that decides a vector."""
    towers = {
        name: [
            checkpoint.spec.fingerprint,
            hash_bytes(
                save({key: one.detach().cpu().contiguous() for key, one in checkpoint.tower.state_dict().items()})
            ),
        ]
        for name, checkpoint in space.towers.items()
    }
    return hash_json({"hub": space.fingerprint, "precision": space.hub.precision, "towers": towers})
