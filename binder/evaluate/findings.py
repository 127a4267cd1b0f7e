"""What else was measured of a space on the table of its report, beside the matrix. Part of `Report`.

Every field is filled by a protocol of its own, on request: `binder.run.protocols` and `binder.run.references`.
"""

from dataclasses import dataclass

from binder.evaluate.corrections import Comparison
from binder.evaluate.protocols.combined import Combined
from binder.evaluate.protocols.linear_probe import LinearProbe
from binder.evaluate.protocols.zero_shot import ZeroShot
from binder.evaluate.reference import Reference


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Results of the protocols that were asked for.

    Attributes:
        zero_shot: classification by the names of classes, one per modality.
        probes: classification from a few labelled samples, one per modality.
        combined: queries of several modalities at once.
        corrections: cells raw and corrected; transductive ones are marked, and in no headline.
        references: cells beside a closed-form floor or a paired-trained ceiling.
    """

    zero_shot: tuple[ZeroShot, ...] = ()
    probes: tuple[LinearProbe, ...] = ()
    combined: tuple[Combined, ...] = ()
    corrections: tuple[Comparison, ...] = ()
    references: tuple[Reference, ...] = ()
