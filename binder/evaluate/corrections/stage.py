"""What a stage of a correction promises, and the names stages are known by. Floor: evaluate.

A new stage is one file in this folder with a class under `@register_stage`, imported in `__init__.py`. Two kinds:

- a `VectorStage` moves vectors, each modality by its own affine map, and returns them to unit norm;
- a `ScoreStage` comes last, once at most: it scores a gallery for queries with the help of banks.

Everything a stage knows it knows from training vectors; which pairs belong together it is never told.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import yaml
from jaxtyping import Float32
from pydantic import ValidationError

from binder.config.base import Section, faults
from binder.errors import ConfigError

Vectors = Float32[np.ndarray, "_ dim"]  # how many may differ between arguments
Scorer = Callable[[Vectors], Float32[np.ndarray, "_ _"]]
_PART = re.compile(r"(?P<name>[\w-]+)(:(?P<options>.+))?")


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """x -> norm(W (x - mean)).

    Attributes:
        mean: subtracted.
        matrix: W; None for the identity.
    """

    mean: Float32[np.ndarray, " dim"]
    matrix: Float32[np.ndarray, "dim dim"] | None = None

    def __call__(self, vectors: Vectors) -> Vectors:
        """Unit vectors; one that equals the mean has no direction left: it stays zero and ties with everything."""
        moved = vectors - self.mean
        if self.matrix is not None:
            moved = moved @ self.matrix.T
        norms = np.linalg.norm(moved, axis=1, keepdims=True)
        return moved / np.where(norms > 0, norms, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Banks:
    """Vectors that no query and no gallery of the test are among.

    Attributes:
        query: of the query's modality.
        gallery: of the gallery's modality.
        hub: of the modalities that the hub embeds.
    """

    query: Vectors
    gallery: Vectors
    hub: Vectors


class Stage(Section):
    """A stage and its settings, which are its fields.

    Attributes:
        name: in configurations, on the command line and in reports.
    """

    name: ClassVar[str]

    def __str__(self) -> str:
        """As `parse_stages` reads it: the name, and the settings that are not the defaults."""
        own = ",".join(f"{key}={value}" for key, value in self.model_dump(exclude_defaults=True).items())
        return f"{self.name}:{own}" if own else self.name


class VectorStage(Stage):
    """Moves the vectors of every modality."""

    @abstractmethod
    def fit(self, training: Mapping[str, Vectors], native: Sequence[str]) -> dict[str, Affine]:
        """The map of each modality.

        Args:
            training: modality -> unit vectors of distinct training samples, at least two.
            native: modalities among them that the hub embeds, at least one.
        """


class ScoreStage(Stage):
    """Scores gallery items for queries; higher is closer, on any scale."""

    @abstractmethod
    def prepare(self, gallery: Vectors, banks: Banks) -> Scorer:
        """Everything that depends on the gallery and the banks alone, done once; the scorer takes blocks of queries.

        Args:
            gallery: unit vectors.
            banks: of the same vector stages.
        """


_stages: dict[str, type[Stage]] = {}
StageClass = TypeVar("StageClass", bound=type[Stage])


def register_stage(cls: StageClass) -> StageClass:
    """Class decorator: make a stage known under its `name`.

    Raises:
        ConfigError: the name belongs to another stage.
    """
    known = _stages.setdefault(cls.name, cls)
    if known is not cls:
        raise ConfigError.explain("two stages of one name", got=f"{cls.name}: {known.__qualname__}, {cls.__qualname__}")
    return cls


def stage_classes() -> dict[str, type[Stage]]:
    """Every registered stage by name, sorted."""
    return dict(sorted(_stages.items()))


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages as text: names joined by `+`, each with settings after a colon: `centre+nnn:alpha=0.5,k=10`.

    Raises:
        ConfigError: an unknown stage or setting, a wrong value, or a score stage that is not the last.
    """
    stages = tuple(_parse_one(part) for part in text.replace(" ", "").split("+"))
    check_order(stages)
    return stages


def check_order(stages: Sequence[Stage]) -> None:
    """Raise unless there is a stage, and none follows a score stage."""
    if not stages or any(isinstance(stage, ScoreStage) for stage in stages[:-1]):
        raise ConfigError.explain(
            "not a correction",
            got="+".join(map(str, stages)) or "no stage",
            expected="vector stages, then one score stage or none",
            choices=stage_classes(),
        )


def _parse_one(text: str) -> Stage:
    found = _PART.fullmatch(text)
    if found is None or found["name"] not in _stages:
        raise ConfigError.explain("unknown correction", got=repr(text), choices=stage_classes())
    cls = _stages[found["name"]]
    pairs = [option.partition("=") for option in (found["options"] or "").split(",") if option]
    options: dict[str, Any] = {key: yaml.safe_load(value) for key, _, value in pairs}
    try:
        return cls.model_validate(options)
    except ValidationError as error:
        raise ConfigError.explain(f"correction {cls.name} refuses its settings", got=faults(error, cls)) from None
