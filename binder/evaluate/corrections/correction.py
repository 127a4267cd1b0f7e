"""A correction: stages, what they learned from training vectors, and how it lies on the disk. Floor: evaluate.

Fitted and chosen by `binder.run.correcting`, stored in a space, applied by `Space.encode` (vector stages) and
`Space.scores` (score stage). On disk it is an artifact of kind "correction".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.numpy import load_file, save, save_file

from binder.errors import ArtifactError, MetricError
from binder.evaluate.corrections.stage import (
    Affine,
    Banks,
    Scorer,
    ScoreStage,
    Stage,
    Vectors,
    VectorStage,
    check_order,
    parse_stages,
)
from binder.evaluate.corrections.thinning import thinned
from binder.evaluate.inputs import check_unit
from binder.storage import hash_bytes, hash_json, new_artifact, read_json, read_manifest, write_json

KIND = "correction"
MOST_BANK = 10_000  # vectors of a modality that are kept for scoring: 20 MB at 512 dimensions
_WEIGHTS, _FACTS = "correction.safetensors", "correction.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Correction:
    """Fitted stages.

    Attributes:
        stages: in order; a score stage is the last.
        maps: of each vector stage, modality -> its map.
        banks: modality -> vectors after the vector stages; empty without a score stage.
        native: modalities among them that the hub embeds.
        transductive: fitted on the test's own vectors: of interest, but no result, and never stored.
        facts: JSON values on how it was fitted and why it was chosen.
    """

    stages: tuple[Stage, ...]
    maps: tuple[Mapping[str, Affine], ...]
    banks: Mapping[str, Vectors]
    native: tuple[str, ...]
    transductive: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its stages, as `parse_stages` reads them, and whether it is transductive."""
        return "+".join(map(str, self.stages)) + (" (transductive)" if self.transductive else "")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those it was fitted on."""
        return tuple(self.maps[0] if self.maps else self.banks)

    @property
    def moves_vectors(self) -> bool:
        """Whether there is a vector stage: corrected and raw vectors can't be compared then."""
        return bool(self.maps)

    @property
    def fingerprint(self) -> str:
        """Changes with every stage, setting, mean, matrix and bank."""
        return hash_json({"stages": self.name, "native": self.native, "weights": hash_bytes(save(self._weights()))})

    def vectors(self, modality: str, vectors: Vectors) -> Vectors:
        """Unit vectors after the vector stages.

        Raises:
            MetricError: there are such stages, and the modality was not among those they were fitted on.
        """
        for maps in self.maps:
            vectors = _of(maps, modality, self.name)(vectors)
        return vectors

    def scorer(self, query: str, gallery: str, gallery_vectors: Vectors) -> Scorer:
        """Scores a block of query vectors against a gallery; vectors are those after the vector stages.

        Args:
            query: modality.
            gallery: modality.
            gallery_vectors: everything that depends on them alone is computed now, once.

        Raises:
            MetricError: there is a score stage, and one of the modalities was not among those it was fitted on.
        """
        stage = self.stages[-1]
        if not isinstance(stage, ScoreStage):
            return lambda vectors: vectors @ gallery_vectors.T
        banks = Banks(
            query=_of(self.banks, query, self.name),
            gallery=_of(self.banks, gallery, self.name),
            hub=np.concatenate([self.banks[name] for name in self.native]),
        )
        return stage.prepare(gallery_vectors, banks)

    def explained(self, **facts: Any) -> "Correction":
        """With more facts."""
        return replace(self, facts={**self.facts, **facts})

    def save(self, folder: Path) -> None:
        """Write it as an artifact.

        Raises:
            ArtifactError: it is transductive.
        """
        if self.transductive:
            raise ArtifactError.explain(
                "a transductive correction is not stored",
                got=self.name,
                expected="one fitted on training vectors",
                fix="fit it on training vectors: what a test set knows of itself is gone with the next query",
            )
        facts = {"stages": self.name, "native": self.native, "modalities": self.modalities, "facts": dict(self.facts)}
        with new_artifact(folder, KIND, {"fingerprint": self.fingerprint}) as partial:
            save_file(self._weights(), partial / _WEIGHTS)
            write_json(partial / _FACTS, facts)

    @classmethod
    def load(cls, folder: Path) -> "Correction":
        """Open what `save` wrote.

        Raises:
            ArtifactError: absent, incomplete or changed.
            ConfigError: a stage that is not known here.
        """
        manifest, facts = read_manifest(folder, KIND), read_json(folder / _FACTS)
        stages = parse_stages(facts["stages"])
        try:
            weights = load_file(folder / _WEIGHTS)
            maps = tuple(
                {name: _affine(weights, f"{number}/{name}") for name in facts["modalities"]}
                for number, stage in enumerate(stages)
                if isinstance(stage, VectorStage)
            )
        except (SafetensorError, KeyError) as error:
            raise ArtifactError.explain("not a correction's weights", got=f"{folder}/{_WEIGHTS}: {error}") from error
        correction = cls(
            stages=stages,
            maps=maps,
            banks={name.removeprefix("bank/"): one for name, one in weights.items() if name.startswith("bank/")},
            native=tuple(facts["native"]),
            facts=facts["facts"],
        )
        if correction.fingerprint != manifest["fingerprint"]:
            raise ArtifactError.explain(
                "correction changed since it was saved", got=correction.fingerprint, expected=manifest["fingerprint"]
            )
        return correction

    def _weights(self) -> dict[str, Float32[np.ndarray, "..."]]:
        found = {f"bank/{name}": vectors for name, vectors in self.banks.items()}
        for number, maps in enumerate(self.maps):
            for name, one in maps.items():
                found[f"{number}/{name}/mean"] = one.mean
                if one.matrix is not None:
                    found[f"{number}/{name}/matrix"] = one.matrix
        return {name: np.ascontiguousarray(found[name]) for name in sorted(found)}


def fit_correction(
    stages: str | Sequence[Stage],
    training: Mapping[str, Vectors],
    *,
    native: Sequence[str],
    transductive: bool = False,
) -> Correction:
    """Fit stages, each on vectors that the ones before it have moved.

    Args:
        stages: as `parse_stages` reads them, or built.
        training: modality -> unit vectors of distinct samples of training; duplicates would count as neighbours.
        native: modalities that the hub embeds.
        transductive: the vectors are those of the test: the correction is labelled so.

    Raises:
        ConfigError: an unknown stage or setting, or a wrong order.
        MetricError: no modality, none of the hub, a modality with fewer than two vectors, or not of unit norm.
    """
    stages = parse_stages(stages) if isinstance(stages, str) else tuple(stages)
    check_order(stages)
    _check_training(training, native)
    hub = tuple(name for name in training if name in native)
    maps, current = [], dict(training)
    for stage in stages:
        if isinstance(stage, VectorStage):
            maps.append(stage.fit(current, hub))
            current = {name: maps[-1][name](vectors) for name, vectors in current.items()}
    scored = isinstance(stages[-1], ScoreStage)
    return Correction(
        stages=stages,
        maps=tuple(maps),
        banks={name: thinned(vectors, MOST_BANK) for name, vectors in current.items()} if scored else {},
        native=hub,
        transductive=transductive,
        facts={"fitted_on": {name: len(vectors) for name, vectors in training.items()}},
    )


def corrected_fingerprint(hub_fingerprint: str, correction: Correction | None) -> str:
    """Of vectors of a hub after a correction: the hub's own where the correction moves none."""
    if correction is None or not correction.moves_vectors:
        return hub_fingerprint
    return hash_json({"hub": hub_fingerprint, "correction": correction.fingerprint})


def pair_scores(correction: Correction | None, vectors: Mapping[str, Vectors]) -> Float32[np.ndarray, "query gallery"]:
    """Scores of two modalities: by a correction, or cosines without one.

    Args:
        correction: whose vector stages have moved the vectors already.
        vectors: modality -> unit vectors; the first asks, the second answers.

    Raises:
        MetricError: not two modalities, or one that the correction was fitted without.
    """
    if len(vectors) != 2:
        raise MetricError.explain("scores are of two modalities", got=list(vectors), expected="a query, a gallery")
    (query, asked), (gallery, known) = vectors.items()
    return asked @ known.T if correction is None else correction.scorer(query, gallery, known)(asked)


def _check_training(training: Mapping[str, Vectors], native: Sequence[str]) -> None:
    few = [name for name, vectors in training.items() if len(vectors) < 2]
    if few or not set(training) & set(native):
        raise MetricError.explain(
            "cannot fit a correction",
            got={name: f"{len(vectors)} vectors" for name, vectors in training.items()},
            expected=f"two or more of each modality, and a modality of the hub ({', '.join(native)})",
        )
    for name, vectors in training.items():
        check_unit(vectors, name)


def _of(known: Mapping[str, Any], modality: str, name: str) -> Any:
    if modality not in known:
        raise MetricError.explain(
            f"correction {name} was fitted without {modality}",
            got=modality,
            choices=known,
            fix="fit it anew with training rows of that modality: binder correct",
        )
    return known[modality]


def _affine(weights: Mapping[str, Float32[np.ndarray, "..."]], name: str) -> Affine:
    return Affine(mean=weights[f"{name}/mean"], matrix=weights.get(f"{name}/matrix"))
