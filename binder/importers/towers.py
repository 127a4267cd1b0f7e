"""Binds imported encoders to their hub: towers, ledgers, the space. Floor: importers; every layout ends here."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from binder.errors import ArtifactError
from binder.hub import Hub
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.space import Space
from binder.storage import new_artifact, write_json
from binder.towers import Ledger, Tower, TowerCheckpoint, build_tower
from binder.towers.ledger import ITEM_COLUMNS


@dataclass(frozen=True, kw_only=True)
class Release:
    """What is published about a model, as far as it must travel with its weights.

    Attributes:
        name: of the model.
        source: paper and repository.
        licence: of the weights.
        limits: what a user must be told: uses that the licence forbids, what the release leaves out.
        trained_on: modality -> declared training data.
    """

    name: str
    source: str
    licence: str
    limits: tuple[str, ...]
    trained_on: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ImportedEncoder:
    """One tower of a release.

    Attributes:
        modality: its name in binder.
        anchor: the hub's modality it was trained against.
        encoder: options that build the encoder.
        weights: of that encoder, by its own names.
        options: of the modality, so that samples are prepared as in training.
        logit_scale: by which the release multiplies this modality's vectors; None for not at all.
        facts: more JSON for the checkpoint.
    """

    modality: str
    anchor: str
    encoder: dict[str, Any]
    weights: Mapping[str, Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    logit_scale: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import leaves.

    Attributes:
        space: opened from where it was saved.
        folder: of the saved space.
        notes: what the user must be told, licence first.
    """

    space: Space
    folder: Path
    notes: tuple[str, ...]


def save_hub(
    folder: Path,
    release: Release,
    weights: Mapping[str, Tensor],
    files: Mapping[str, Any],
    *,
    weights_name: str,
    fill: Callable[[Path], None] | None = None,
) -> None:
    """Write a hub's folder: weights, JSON files, a card that states the licence, and what `fill` puts there."""
    with new_artifact(folder, "hub", {"release": release.name}) as partial:
        save_file(
            {name: weight.contiguous() for name, weight in weights.items()}, partial / weights_name, {"format": "pt"}
        )
        for name, content in files.items():
            write_json(partial / name, content)
        if fill is not None:
            fill(partial)
        card = f"---\nlicense: {release.licence.lower()}\n---\n\n{release.name}. {release.source}\n"
        (partial / "README.md").write_text(card, encoding="utf-8")


def bind(
    output: Path,
    hub: str,
    release: Release,
    encoders: Sequence[ImportedEncoder],
    *,
    hub_options: Mapping[str, Any] | None = None,
) -> Imported:
    """Bind encoders to the hub, save the space in `output`, and open it from there.

    Raises:
        RegistryError: a modality is not installed or refuses its options.
        ArtifactError: weights that do not fit the encoder they are for.
    """
    space = Space(hub, hub_options=hub_options)
    for imported in encoders:
        space.add(_checkpoint(imported, space.hub, release))
    space.save(output / "space")
    return Imported(
        space=Space.load(output / "space"),
        folder=output / "space",
        notes=(f"licence of {release.name}: {release.licence}", *release.limits),
    )


def _checkpoint(imported: ImportedEncoder, hub: Hub, release: Release) -> TowerCheckpoint:
    spec = create_modality(imported.modality, **imported.options)
    tower = build_tower(spec, hub.dim, encoder=imported.encoder)
    _load(tower.encoder, imported, release)
    _try(tower.eval(), imported, release)
    assert isinstance(tower.head, nn.Linear)
    with torch.no_grad():  # the release's own projection is in the encoder
        tower.head.weight.copy_(torch.eye(hub.dim))
        tower.head.bias.zero_()
    trained_on = release.trained_on.get(imported.modality, "not declared")
    tower.origin = {
        "release": release.name,
        "source": release.source,
        "licence": release.licence,
        "limits": list(release.limits),
        "trained_on": trained_on,
    }
    scale = imported.logit_scale
    return TowerCheckpoint(
        tower=tower,
        ledger=_ledger(spec, imported, hub, release),
        encoder=imported.encoder,
        head="linear",
        seed=0,
        facts={"imported": release.name, "logit_scale": scale, "temperature": scale and 1 / scale, **imported.facts},
    )


def _load(encoder: nn.Module, imported: ImportedEncoder, release: Release) -> None:
    expected = {name: tuple(weight.shape) for name, weight in encoder.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in imported.weights.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise ArtifactError.explain(
            f"weights of {release.name} do not fit its {imported.modality} tower",
            got=", ".join(f"{name} {found.get(name, 'absent')}" for name in wrong[:5]),
            expected=", ".join(f"{name} {expected.get(name, 'absent')}" for name in wrong[:5]),
        )
    bad = [name for name, weight in imported.weights.items() if not math.isfinite(float(weight.float().sum()))]
    if bad:
        raise ArtifactError.explain(f"weights of {release.name} are not finite", got=bad[:5])
    encoder.load_state_dict(dict(imported.weights))


@torch.inference_mode()
def _try(tower: Tower, imported: ImportedEncoder, release: Release) -> None:
    """Encode one sample: the modality must give what the encoder was trained on."""
    spec = tower.spec
    sample = spec.transform(spec.load(spec.synthetic(0)))
    try:
        tower(spec.collate([sample]))
    except (RuntimeError, ValueError) as error:
        raise ArtifactError.explain(
            f"{spec.name} is prepared in another shape than {release.name} takes",
            got=f"tensors of shape {tuple(sample.shape)} with options {imported.options} ({error})",
            expected=f"what encoder {imported.encoder} takes",
            fix=f"leave out the options you gave for {spec.name}",
        ) from error


def _ledger(spec: ModalitySpec, imported: ImportedEncoder, hub: Hub, release: Release) -> Ledger:
    """Edges are known, items are not: a release does not list its training samples."""
    return Ledger(
        modality=spec.name,
        edges=((spec.name, imported.anchor),),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=(),
        items={column: () for column in ITEM_COLUMNS},
        licences=(release.licence,),
    )
