"""A space: one hub and the towers bound to it. What users save, load, merge and encode with. Floor: space.

Towers trained apart, on other machines or by other people, meet here if their hub fingerprints are
equal; nothing else makes their vectors comparable, so nothing else is accepted.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from binder.config.data import Precision
from binder.embedder import Embedder, as_list
from binder.errors import ArtifactError, HubMismatchError, RegistryError
from binder.evaluate import Report
from binder.evaluate.corrections import Correction, corrected_fingerprint, pair_scores
from binder.hub import Hub, open_hub
from binder.hub.device import find_device
from binder.hub.transform import HubTransform, TransformedHub
from binder.modality import ModalitySpec
from binder.prompts import Prompts
from binder.publish import KIND, Card, check_same_hub, fetch, find_space, unpacked_hub, upload
from binder.publish.corrections import saved_correction
from binder.publish.saving import save_space
from binder.storage import read_json, read_manifest
from binder.towers import TowerCheckpoint, load_tower
from binder.types import Source


class Space:
    """A frozen hub and the towers bound to it.

    Attributes:
        hub: embeds its native modalities; any fitted transform is part of it.
        towers: modality -> trained tower with its ledger.
        correction: what `binder correct` chose for its vectors and scores; None leaves them raw.
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
            hub: SCHEME:MODEL, or a hub already open; or a saved space, whose towers come along: a folder, or
                ORG/NAME on a model hub.
            towers: modality -> checkpoint.
            hub_options: for the adapter; stored with the space.
            device: where hub and towers run.
            precision: what a hub that is opened here computes in (see `open_hub`); one already open keeps its own.

        Raises:
            HubMismatchError: a tower was trained against another hub.
            BinderError: there is no such device.
        """
        towers = dict(towers or {})
        saved: Space | None = None
        if isinstance(hub, str) and ":" not in hub:
            saved = Space.from_pretrained(hub, device=device, precision=precision)
            hub, hub_options = saved.hub, saved.hub_options
        self.hub_options = dict(hub_options or {})
        self.device = find_device(device)
        if isinstance(hub, str):
            hub = open_hub(hub, precision=precision, **self.hub_options)
        self.hub = hub.to(self.device)
        self.towers = {name: tower for name, tower in (saved.towers if saved else {}).items() if name not in towers}
        self.correction: Correction | None = saved.correction if saved else None
        for checkpoint in towers.values():
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
        first, *others = [find_space(Path(folder)) for folder in folders]
        device = find_device(device)
        opened = _open_saved_hub(first, hub, precision)
        space = cls(opened, hub_options=read_json(first / "hub.json")["options"], device=device)
        for folder in (first, *others):
            check_same_hub(folder, space.hub)
            for tower in sorted((folder / "towers").glob("*")):
                space.add(load_tower(tower))
        space.correction = saved_correction(first, *others)
        return space

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
        device: torch.device | str = "cpu",
        precision: Precision = "auto",
    ) -> "Space":
        """Open a saved space that is a folder here or ORG/NAME on a model hub; arguments as in `fetch` and `load`.

        Raises:
            ArtifactError: no such space, here or there.
        """
        return cls.load(fetch(str(name), revision=revision, token=token), device=device, precision=precision)

    def save(self, folder: str | Path) -> None:
        """Write the space as one artifact; the hub is stored by name and fingerprint, not copied.

        The name of a hub in a local folder holds its absolute path: `load` finds it from any working directory.
        """
        save_space(Path(folder), self.hub, self.hub_options, self.towers, correction=self.correction)

    def save_pretrained(
        self, folder: str | Path, *, title: str | None = None, report: Report | None = None, licence: str | None = None
    ) -> None:
        """Write the space for others: as `save`, with a card, and with the files of a hub that is a local folder.

        Args:
            folder: becomes the artifact.
            title: of the card, such as ORG/NAME; default: the folder's name.
            report: for the card's certificates.
            licence: of the whole, see `Card`.
        """
        card = Card(title=title or Path(folder).name, report=report, licence=licence)
        save_space(Path(folder), self.hub, self.hub_options, self.towers, correction=self.correction, card=card)

    def push_to_hub(
        self,
        name: str,
        *,
        report: Report | None = None,
        licence: str | None = None,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
    ) -> str:
        """Publish the space as ORG/NAME; gives its address; arguments as in `save_pretrained` and `upload`."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "space"
            self.save_pretrained(folder, title=name, report=report, licence=licence)
            return upload(folder, name, private=private, revision=revision, token=token)

    def add(self, checkpoint: TowerCheckpoint) -> None:
        """Bind one more tower.

        Raises:
            HubMismatchError: it was trained against another hub.
            RegistryError: the space already embeds its modality, or has a correction fitted without it.
        """
        name = checkpoint.spec.name
        if checkpoint.ledger.hub_fingerprint != self.hub.fingerprint:
            raise HubMismatchError.explain(
                f"the {name} tower belongs to another hub",
                got=f"{checkpoint.ledger.hub} @ {checkpoint.ledger.hub_fingerprint[:8]}",
                expected=f"{self.hub.name} @ {self.hub.fingerprint[:8]}",
                fix="train it against this hub, or load it into a space of its own",
            )
        if name in self.modalities:
            fix = "load the two spaces apart to compare them"
            raise RegistryError.explain(f"the space already embeds {name!r}", choices=self.modalities, fix=fix)
        if self.correction is not None:
            fix = "set space.correction = None first, and encode again what was encoded with it"
            raise RegistryError.explain(f"the space's correction was fitted without {name!r}", fix=fix)
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
        """Of the hub, and of a correction that moves vectors; vectors of equal fingerprints are comparable."""
        return corrected_fingerprint(self.hub.fingerprint, self.correction)

    def spec(self, modality: str) -> ModalitySpec:
        """How samples of `modality` are read.

        Raises:
            RegistryError: the space can't embed it.
        """
        if modality in self.towers:
            return self.towers[modality].spec
        if modality in self.hub.native:
            return self.hub.spec(modality)
        fix = "train a tower for it and add it"
        raise RegistryError.explain(f"this space does not embed {modality!r}", choices=self.modalities, fix=fix)

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
            modality: self.embedder(modality).encode(as_list(modality, given), batch_size)
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
        as_list("labels", labels)
        return prompts.average(self.encode(text=prompts.fill(labels))["text"]), prompts.hash

    def embedder(self, modality: str) -> Embedder:
        """How samples of `modality` are read, prepared, embedded and corrected; errors as in `spec`."""
        self.spec(modality)
        tower = self.towers.get(modality)
        raw = Embedder.of_hub(self.hub, modality) if tower is None else Embedder.of_tower(tower, self.device)
        return raw if self.correction is None else raw.corrected(self.correction)

    @staticmethod
    def similarity(
        a: Float32[np.ndarray, "query dim"], b: Float32[np.ndarray, "gallery dim"]
    ) -> Float32[np.ndarray, "query gallery"]:
        """Cosine similarity of unit vectors, in -1..1."""
        return a @ b.T

    def scores(self, **vectors: Float32[np.ndarray, "_ dim"]) -> Float32[np.ndarray, "query gallery"]:
        """How well gallery items answer queries, by the space's correction; by the cosine where it has none.

        Args:
            vectors: of two modalities, as `encode` gives them; the first asks: `scores(audio=asked, depth=searched)`.

        Raises:
            MetricError: not two modalities, or one that the correction was fitted without.
        """
        return pair_scores(self.correction, vectors)

    def to(self, device: torch.device | str) -> "Space":
        """Move hub and towers."""
        self.device = find_device(device)
        self.hub.to(self.device)
        for checkpoint in self.towers.values():
            checkpoint.tower.to(self.device)
        return self

    def __repr__(self) -> str:
        return f"Space({self.hub.name} @ {self.hub.fingerprint[:8]}, {self.dim}-d: {', '.join(self.modalities)})"


def _open_saved_hub(folder: Path, name: str | None, precision: Precision) -> Hub:
    read_manifest(folder, KIND)
    facts = read_json(folder / "hub.json")
    hub = open_hub(name or unpacked_hub(facts, folder), precision=precision, **facts["options"])
    fitted = folder / "hub_transform"
    return TransformedHub(hub, HubTransform.load(fitted)) if fitted.is_dir() else hub
