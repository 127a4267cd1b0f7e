"""Towers on disk: safetensors weights, JSON facts, ledger, manifest last. Floor: towers.

No pickle is written or read. The folder names the modality's code and options; loading rebuilds
the tower from them and refuses weights that do not fit.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from binder.errors import ArtifactError, RegistryError
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.storage import hash_json, hash_tensors, new_artifact, read_json, read_manifest, write_json
from binder.towers.hub_copy import ImageHub
from binder.towers.ledger import Ledger
from binder.towers.library import LibraryEncoder
from binder.towers.tower import HeadName, Tower, build_tower

KIND = "tower"
_VERSION = ("hash", "commit", "fingerprint")  # what in an origin tells weights of one name apart
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TowerCheckpoint:
    """A trained tower and all that must travel with it.

    Attributes:
        tower: in evaluation mode when loaded.
        ledger: what training saw.
        encoder: the encoder options it was built with.
        head: the head it was built with.
        seed: of its initial weights; rebuilds the untrained twin that serves as a control.
        centre: mean of its vectors over the training samples, (dim,) float32; None if unknown.
        facts: JSON values about its training (scores, settings, temperature).
    """

    tower: Tower
    ledger: Ledger
    encoder: Mapping[str, Any]
    head: HeadName
    seed: int
    centre: np.ndarray | None = None
    facts: Mapping[str, Any] | None = None

    @property
    def spec(self) -> ModalitySpec:
        return self.tower.spec

    @property
    def fingerprint(self) -> str:
        """Of weights, network and the way samples are prepared for it: the same before saving and after loading."""
        weights, network = hash_tensors(self.tower.state_dict()), [dict(self.encoder), self.head]
        return hash_json({"weights": weights, "network": network, "modality": self.spec.fingerprint})

    def untrained(self, hub: ImageHub | None = None) -> Tower:
        """The same tower as it was before training: from its seed, or copied anew from the hub.

        Args:
            hub: the tower's own; needed where the encoder started as a copy of it (`hub-copy`), because
                a checkpoint holds only the weights after training.

        Raises:
            RegistryError: the encoder is a hub copy and no hub is given, or its first weights came from elsewhere and
                are not to be had any more, or are others now.
            HubError: the hub has no image tower to copy.
        """
        tower = build_tower(self.spec, self.tower.dim, encoder=self.encoder, head=self.head, seed=self.seed, hub=hub)
        now, then = ({name: (one or {}).get(name) for name in _VERSION} for one in (tower.origin, self.tower.origin))
        if tower.origin and self.tower.origin and now != then:
            raise RegistryError.explain(
                f"the first weights of the {self.spec.name} tower are others now",
                got=now,
                expected=then,
                fix=f"put back what was at {self.tower.origin.get('weights')}",
            )
        return tower.eval()


def save_tower(checkpoint: TowerCheckpoint, folder: Path) -> None:
    """Write `checkpoint` as the artifact `folder`; complete or absent."""
    spec, encoder = checkpoint.spec, checkpoint.tower.encoder
    facts = {
        "modality": {
            "name": spec.name,
            "reference": spec.reference,
            "options": spec.options,
            "fingerprint": spec.fingerprint,
            "contract": repr(spec.contract),
        },
        "encoder": dict(checkpoint.encoder),
        "head": checkpoint.head,
        "dim": checkpoint.tower.dim,
        "seed": checkpoint.seed,
        "origin": checkpoint.tower.origin,
        "architecture": encoder.architecture if isinstance(encoder, LibraryEncoder) else None,
        "fingerprint": checkpoint.fingerprint,
        "training": dict(checkpoint.facts or {}),
    }
    with new_artifact(
        folder, KIND, {"modality": spec.name, "hub_fingerprint": checkpoint.ledger.hub_fingerprint}
    ) as partial:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tower.state_dict().items()}
        save_file(weights, partial / "tower.safetensors")
        if checkpoint.centre is not None:
            save_file({"centre": torch.from_numpy(checkpoint.centre)}, partial / "centre.safetensors")
        write_json(partial / "tower.json", facts)
        checkpoint.ledger.save(partial)


def load_tower(folder: Path) -> TowerCheckpoint:
    """Rebuild the tower saved in `folder`.

    Raises:
        ArtifactError: incomplete folder, or weights that do not fit the tower it describes.
        RegistryError: the modality's package is not installed.
    """
    folder = Path(folder)
    read_manifest(folder, KIND, verify=True)  # weights and ledger are what certificates rest on
    facts = read_json(folder / "tower.json")
    spec = _load_spec(facts["modality"])
    tower = build_tower(
        spec,
        facts["dim"],
        encoder=facts["encoder"],
        head=facts["head"],
        seed=facts["seed"],
        architecture=facts.get("architecture"),  # absent before 0.2
    )
    tower.origin = facts.get("origin")
    _load_weights(tower, folder / "tower.safetensors")
    centre = folder / "centre.safetensors"
    return TowerCheckpoint(
        tower=tower.eval(),
        ledger=Ledger.load(folder),
        encoder=facts["encoder"],
        head=facts["head"],
        seed=facts["seed"],
        centre=load_file(centre)["centre"].numpy() if centre.exists() else None,
        facts=facts["training"],
    )


def _load_spec(facts: Mapping[str, Any]) -> ModalitySpec:
    try:
        spec = create_modality(facts["name"], **facts["options"])
    except RegistryError:
        spec = create_modality(facts["reference"], **facts["options"])
    if spec.fingerprint != facts["fingerprint"]:
        log.warning(
            "the code of modality %r has changed since this tower was trained; its vectors may differ", spec.name
        )
    return spec


def _load_weights(tower: Tower, path: Path) -> None:
    weights = load_file(path)
    expected = {name: tuple(tensor.shape) for name, tensor in tower.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise ArtifactError.explain(
            f"weights in {path} do not fit the tower",
            got=", ".join(f"{name} {found.get(name, 'absent')}" for name in wrong[:5]),
            expected=", ".join(f"{name} {expected.get(name, 'absent')}" for name in wrong[:5]),
            fix="install the version of the modality's package that trained it",
        )
    tower.load_state_dict(weights)
