"""Prompt ensembles: a label is embedded as the mean of its prompts. Floor: foundations; used by space and run.

The sets themselves are data of the modality `text`: they are opened through its option `templates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from binder.errors import ConfigError
from binder.registry import create_modality
from binder.storage import hash_json

TEXT = "text"  # the modality whose samples are labels


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """A set of templates.

    Attributes:
        templates: texts with one `{}`, the place of the label.
    """

    templates: tuple[str, ...]

    @classmethod
    def open(cls, templates: str | Sequence[str]) -> "Prompts":
        """Find a set.

        Args:
            templates: its name, a YAML file, or the templates themselves.

        Raises:
            ConfigError: no such set, or none in it.
        """
        found = create_modality(TEXT, templates=templates).options["templates"]
        if not found:
            raise ConfigError.explain("no prompt templates", got=templates, expected="one or more")
        return cls(templates=tuple(found))

    @property
    def hash(self) -> str:
        """Of the templates, in order; belongs beside every number that they helped to make."""
        return hash_json(list(self.templates))

    def fill(self, labels: Sequence[str]) -> list[str]:
        """Every prompt of the first label, then of the second, and so on."""
        return [template.replace("{}", label) for label in labels for template in self.templates]

    def average(self, vectors: Float32[np.ndarray, "prompt dim"]) -> Float32[np.ndarray, "label dim"]:
        """Unit vectors of the prompts, in the order of `fill`, to unit vectors of the labels.

        The mean of unit vectors, made unit length: A. Radford et al., 2021, CLIP, section 3.1.4, arXiv:2103.00020,
        as `open_clip.build_zero_shot_classifier` does it.
        """
        means = vectors.reshape(-1, len(self.templates), vectors.shape[1]).mean(axis=1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)
