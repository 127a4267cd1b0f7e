"""What one cell scores in another space: the record that a report keeps. Made by `references` beside this file."""

from dataclasses import dataclass
from typing import Literal

from binder.evaluate.scoring import Estimates

Kind = Literal["floor", "ceiling"]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What one cell scores in another space.

    Attributes:
        kind: floor or ceiling.
        query: who asks.
        gallery: who answers.
        rule: name of the relevance rule.
        metrics: hit@1 and mAP of the reference.
        difference: of each, the space's minus the reference's.
        ratio: of each, (space - chance) / (reference - chance); absent where the reference is not above chance, and
            without an upper bound where it is not in some draws.
        note: how the reference was made.
    """

    kind: Kind
    query: str
    gallery: str
    rule: str
    metrics: Estimates
    difference: Estimates
    ratio: Estimates
    note: str
