"""A space: one hub and the towers bound to it. What users save, load, merge and encode with. Floor: space.

Towers trained apart, on other machines or by other people, meet here if their hub fingerprints are
equal; nothing else makes their vectors comparable, so nothing else is accepted.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from binder.config.data import Precision
from binder.data.ahead import read_ahead
from binder.errors import ArtifactError, BinderError, HubMismatchError, RegistryError, SampleError
from binder.hub import Hub, open_hub
from binder.hub.device import find_device
from binder.hub.transform import HubTransform, TransformedHub
from binder.modality import ModalitySpec
from binder.prompts import Prompts
from binder.storage import is_complete, new_artifact, read_json, read_manifest, write_json
from binder.towers import TowerCheckpoint, load_tower, save_tower
from binder.towers.encode import move
from binder.types import Source

KIND = "space"
log = logging.getLogger(__name__)


class Space:
    """A frozen hub and the towers bound to it.

    Attributes:
        hub: embeds its native modalities; any fitted transform is part of it.
        towers: modality -> trained tower with its ledger.
    """

    def __init__(
        self,
        hub: Hub | str,
        towers: Mapping[str, TowerCheckpoint] | None = None,
        *,
        hub_options: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
        precision: Precision = "auto",
    ) -> None:
        """Open a hub and bind towers to it.

        Args:
            hub: SCHEME:MODEL, or a hub already open.
            towers: modality -> checkpoint.
            hub_options: for the adapter; stored with the space.
            device: where hub and towers run.
            precision: what a hub that is opened here computes in (see `open_hub`); one already open keeps its own.

        Raises:
            HubMismatchError: a tower was trained against another hub.
            BinderError: there is no such device.
        """
        self.hub_options = dict(hub_options or {})
        self.device = find_device(device)
        if isinstance(hub, str):
            hub = open_hub(hub, precision=precision, **self.hub_options)
        self.hub = hub.to(self.device)
        self.towers: dict[str, TowerCheckpoint] = {}
        for checkpoint in (towers or {}).values():
            self.add(checkpoint)

    @classmethod
    def load(
        cls,
        *folders: str | Path,
        hub: str | None = None,
        device: torch.device | str = "cpu",
        precision: Precision = "auto",
    ) -> "Space":
        """Open one saved space, or several whose hubs are the same, as one.

        Args:
            folders: space folders, or run folders that contain one.
            hub: SCHEME:MODEL to open instead of the name the space was saved with, say because the hub's
                folder has moved; it must be the same hub all the same.
            device: where hub and towers run.
            precision: what the hub computes in, whatever it was when the space was saved.

        Raises:
            ArtifactError: no space there.
            BinderError: there is no such device.
            HubMismatchError: the spaces have different hubs, or the hub's weights are not those it was saved with.
        """
        if not folders:
            raise ArtifactError.explain("no space to load", expected="at least one folder")
        first, *others = [_space_folder(Path(folder)) for folder in folders]
        device = find_device(device)
        opened = _open_saved_hub(first, hub, precision)
        space = cls(opened, hub_options=read_json(first / "hub.json")["options"], device=device)
        for folder in (first, *others):
            _check_same_hub(folder, space.hub)
            for tower in sorted((folder / "towers").glob("*")):
                space.add(load_tower(tower))
        return space

    def save(self, folder: str | Path) -> None:
        """Write the space as one artifact; the hub is stored by name and fingerprint, not copied.

        The name of a hub in a local folder holds its absolute path: `load` finds it from any working directory.
        """
        with new_artifact(
            Path(folder), KIND, {"hub_fingerprint": self.hub.fingerprint, "towers": sorted(self.towers)}
        ) as partial:
            facts = {
                "name": self.hub.name,
                "options": self.hub_options,
                "fingerprint": self.hub.fingerprint,
                "precision": self.hub.precision,
                "licence": self.hub.licence,
            }
            write_json(partial / "hub.json", facts)
            if isinstance(self.hub, TransformedHub):
                self.hub.transform.save(partial / "hub_transform")
            for name, checkpoint in self.towers.items():
                save_tower(checkpoint, partial / "towers" / name)

    def add(self, checkpoint: TowerCheckpoint) -> None:
        """Bind one more tower.

        Raises:
            HubMismatchError: it was trained against another hub.
            RegistryError: the space already embeds its modality.
        """
        name = checkpoint.spec.name
        if checkpoint.ledger.hub_fingerprint != self.hub.fingerprint:
            raise HubMismatchError.explain(
                f"the {name} tower belongs to another hub",
                got=f"{checkpoint.ledger.hub} @ {checkpoint.ledger.hub_fingerprint[:8]}",
                expected=f"{self.hub.name} @ {self.hub.fingerprint[:8]}",
                fix="train it against this hub, or load it into a space of its own",
            )
        if name in self.towers or name in self.hub.native:
            raise RegistryError.explain(
                f"the space already embeds {name!r}",
                choices=self.modalities,
                fix="load the two spaces apart to compare them",
            )
        checkpoint.tower.to(self.device)
        self.towers[name] = checkpoint

    @property
    def modalities(self) -> tuple[str, ...]:
        """Everything `encode` accepts: native modalities first."""
        return (*self.hub.native, *self.towers)

    @property
    def dim(self) -> int:
        """Width of every vector."""
        return self.hub.dim

    @property
    def fingerprint(self) -> str:
        """Of the hub; vectors of equal fingerprints are comparable."""
        return self.hub.fingerprint

    def spec(self, modality: str) -> ModalitySpec:
        """How samples of `modality` are read.

        Raises:
            RegistryError: the space can't embed it.
        """
        if modality in self.towers:
            return self.towers[modality].spec
        if modality in self.hub.native:
            return self.hub.spec(modality)
        raise RegistryError.explain(
            f"this space does not embed {modality!r}",
            got=modality,
            choices=self.modalities,
            fix="train a tower for it and add it",
        )

    @torch.inference_mode()
    def encode(
        self, *, batch_size: int = 32, **sources: Sequence[Source]
    ) -> dict[str, Float32[np.ndarray, "sample dim"]]:
        """Embed samples of any modalities; threads read and prepare samples while the model runs.

        Args:
            batch_size: samples per forward.
            sources: modality=list of paths, bytes, arrays or texts.

        Returns:
            modality -> float32 (n, dim), unit norm, in the order given.

        Raises:
            RegistryError: an unknown modality.
            SampleError: a sample that breaks its contract; its position is named.
        """
        return {
            modality: self._encode_one(modality, _as_list(modality, given), batch_size)
            for modality, given in sources.items()
        }

    def encode_prompts(
        self, labels: Sequence[str], templates: str | Sequence[str]
    ) -> tuple[Float32[np.ndarray, "label dim"], str]:
        """Embed each label as the unit-length mean of its prompts; also gives the hash of the templates.

        Args:
            labels: such as the classes of a zero-shot task.
            templates: as in `Prompts.open`.
        """
        prompts = Prompts.open(templates)
        _as_list("labels", labels)
        return prompts.average(self.encode(text=prompts.fill(labels))["text"]), prompts.hash

    def _encode_one(self, modality: str, sources: Sequence[Source], batch_size: int) -> np.ndarray:
        spec = self.spec(modality)
        if batch_size < 1:
            raise BinderError.explain("not a batch size", got=batch_size, expected="1 or more")
        prepare, embed = spec.transform, partial(self._by_tower, modality)
        if modality not in self.towers:
            prepare, embed = partial(self.hub.prepare, modality), partial(self.hub.embed_prepared, modality)

        def read(numbered: tuple[int, Source]) -> Any:
            position, source = numbered
            return prepare(_load(spec, source, position))

        batches = read_ahead(read, list(enumerate(sources)), batch_size=batch_size)
        return np.concatenate([np.zeros((0, self.dim), np.float32), *(embed(batch).numpy() for batch in batches)])

    def _by_tower(self, modality: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        checkpoint = self.towers[modality]
        return checkpoint.tower(move(checkpoint.spec.collate(tensors), self.device)).cpu()

    @staticmethod
    def similarity(
        a: Float32[np.ndarray, "query dim"], b: Float32[np.ndarray, "gallery dim"]
    ) -> Float32[np.ndarray, "query gallery"]:
        """Cosine similarity of unit vectors, in -1..1."""
        return a @ b.T

    def to(self, device: torch.device | str) -> "Space":
        """Move hub and towers."""
        self.device = find_device(device)
        self.hub.to(self.device)
        for checkpoint in self.towers.values():
            checkpoint.tower.to(self.device)
        return self

    def __repr__(self) -> str:
        return f"Space({self.hub.name} @ {self.hub.fingerprint[:8]}, {self.dim}-d: {', '.join(self.modalities)})"


def _as_list(modality: str, given: Any) -> Sequence[Source]:
    if isinstance(given, str | bytes | Path) or not hasattr(given, "__len__"):
        raise BinderError.explain(
            f"encode({modality}=...) takes a list",
            got=type(given).__name__,
            expected=f"{modality}=[sample, ...]",
            fix="put brackets around it",
        )
    return given


def _load(spec: ModalitySpec, source: Source, position: int) -> Any:
    try:
        return spec.load(source)
    except SampleError as error:
        raise SampleError(f"{spec.name}[{position}]: {error}") from error


def _space_folder(folder: Path) -> Path:
    return folder / "space" if is_complete(folder / "space") else folder


def _open_saved_hub(folder: Path, name: str | None, precision: Precision) -> Hub:
    read_manifest(folder, KIND)
    facts = read_json(folder / "hub.json")
    hub = open_hub(name or facts["name"], precision=precision, **facts["options"])
    if (folder / "hub_transform").is_dir():
        hub = TransformedHub(hub, HubTransform.load(folder / "hub_transform"))
    return hub


def _check_same_hub(folder: Path, hub: Hub) -> None:
    manifest = read_manifest(folder, KIND)
    if manifest["hub_fingerprint"] != hub.fingerprint:
        saved = read_json(folder / "hub.json")
        raise HubMismatchError.explain(
            f"{folder} belongs to another hub",
            got=f"{saved['name']} @ {manifest['hub_fingerprint'][:8]}",
            expected=f"{hub.name} @ {hub.fingerprint[:8]}",
            fix="merge spaces of one hub and transform; under an equal name, weights or preprocessing have changed",
        )
