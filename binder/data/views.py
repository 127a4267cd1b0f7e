"""Random parts of pictures, the same on both sides of a pair. Floor: data; used by hub and train.

View `number` of a content is a function of the two and nothing else, so that hub vectors of views can be
cached and shared by all runs; chance (seed, epoch, row) only picks the number. Number 0 is the whole picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from binder.data.cells import content_hash
from binder.display import Display
from binder.modality import ModalitySpec
from binder.storage import hash_json
from binder.types import InputContract, Sample, Source, View

_ENDLESS = 1 << 62  # numbers of views that are drawn anew each time; two equal ones don't happen


@dataclass(frozen=True, kw_only=True)
class ViewRule:
    """How views are drawn.

    Attributes:
        smallest: smallest side, as a share of the picture's, in (0, 1].
        mirror: flip every second view.
    """

    smallest: float
    mirror: bool

    def view(self, content: str, number: int) -> View:
        """View `number`, at least 1, of the content with this hash."""
        chance = np.random.default_rng((int(content, 16), number))
        return View.draw(chance, smallest=self.smallest, mirror=self.mirror)


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """The views of one table's rows.

    Attributes:
        contents: content hash of each row's picture on the hub's side; None where it has none.
        rule: how they are drawn.
        count: views per picture beside the whole; None where every draw gets a new one.
    """

    contents: Sequence[str | None]
    rule: ViewRule
    count: int | None

    def number(self, chance: np.random.Generator) -> int:
        """Pick a view: one of 0 to `count`, all equally likely; or a new one."""
        return int(chance.integers(1, _ENDLESS) if self.count is None else chance.integers(self.count + 1))

    def of(self, row: int, number: int) -> View | None:
        """View `number` of a row; None for the whole picture, or where the hub has no picture of this row."""
        content = self.contents[row]
        return None if number == 0 or content is None else self.rule.view(content, number)


@dataclass(frozen=True, kw_only=True)
class ViewedSpec(ModalitySpec):
    """A modality whose samples are read as one view of themselves: what a cache of views embeds.

    Attributes:
        spec: reads whole samples.
        rule: how views are drawn.
        number: which view, at least 1.
    """

    spec: ModalitySpec
    rule: ViewRule
    number: int

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]: of the wrapped object
        return self.spec.name

    @property
    def contract(self) -> InputContract:
        return self.spec.contract

    @property
    def fingerprint(self) -> str:
        """Of the wrapped modality, the rule and the number."""
        return hash_json([self.spec.fingerprint, self.rule.smallest, self.rule.mirror, self.number])

    def read(self, source: Source) -> Sample:
        content = content_hash(source)
        sample = self.spec.read(source)
        assert content is not None, "what could be read has content"
        return self.spec.view(sample, self.rule.view(content, self.number))

    def transform(self, sample: Any) -> Tensor:
        return self.spec.transform(sample)

    def encoder(self, **options: Any) -> nn.Module:
        return self.spec.encoder(**options)

    def show(self, sample: Any) -> Display:
        return self.spec.show(sample)

    def synthetic(self, seed: int) -> Sample:
        return self.spec.view(self.spec.synthetic(seed), self.rule.view("0", self.number))
