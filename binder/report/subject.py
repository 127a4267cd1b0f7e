"""What a page is about: a report, where it comes from, and the samples behind it. Floor: report.

Put together by `binder.run.reporting`; every section reads from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from binder.data import PairTable
from binder.errors import SampleError
from binder.evaluate import Report
from binder.evaluate.curves import Forecast, LearningCurve
from binder.evaluate.diagnosis import CellDiagnosis
from binder.evaluate.scoring import Estimate
from binder.modality import ModalitySpec
from binder.report.media import render
from binder.report.words import short

MOST_CHARTS = 120  # of one selector; one has about 1.5 kB


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """The rows that were evaluated, and how they are read.

    Attributes:
        table: of the report's fingerprint.
        specs: modality -> its object.
    """

    table: PairTable
    specs: Mapping[str, ModalitySpec]

    def show(self, modality: str, row: int) -> str:
        """A sample as an HTML fragment.

        Raises:
            BinderError: it is not there, or cannot be read or shown.
        """
        source = self.table.cell(row, modality)
        if source is None:
            raise SampleError.explain(f"no {modality} in this row", got=self.table.ids[row])
        spec = self.specs[modality]
        return render(spec.show(spec.load(source)), name=f"{modality} {self.name(row)}")

    def name(self, row: int) -> str:
        """The id of a row."""
        return short(self.table.ids[row])

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        return {}

    def values(self, column: str) -> list[str]:
        """A column of attributes, as text; `id`, `group` and `label` are the table's own."""
        if column not in self._columns:
            own = {"id": self.table.ids, "group": self.table.groups, "label": self.table.labels}
            values = own.get(column) or self.table.attribute(column)
            self._columns[column] = [short(str(value)) for value in values]
        return self._columns[column]

    def tell(self, row: int, columns: tuple[str, ...]) -> str:
        """What is known of a row, in words."""
        known = [name for name in columns if name not in ("id", "group")]
        return ", ".join(f"{short(name)}: {self.values(name)[row]}" for name in known)

    def can_show(self, modality: str) -> bool:
        """Whether the table holds it and something reads it."""
        return modality in self.specs and modality in self.table.columns


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """A learning curve to show.

    Attributes:
        name: of the mean that it follows.
        metric: that it follows.
        curve: the fitted law.
        scores: measured at the curve's sizes.
        forecasts: what it foresees.
        notes: what a reader must know beside the numbers.
    """

    name: str
    metric: str
    curve: LearningCurve
    scores: tuple[Estimate, ...]
    forecasts: tuple[Forecast, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """All that a page is made from.

    Attributes:
        report: to be shown.
        title: what was evaluated.
        made: provenance of the report's folder: date, command, versions, commit.
        samples: to be shown in galleries and to name points of the map; or why there are none.
        learned: a learning curve of the run, if it has one.
    """

    report: Report
    title: str
    made: Mapping[str, Any]
    samples: Samples | str
    learned: Learned | None = None

    @property
    def rules(self) -> list[str]:
        """Names of the relevance rules."""
        return [rule["name"] for rule in self.report.facts["rules"]]

    @property
    def diagnosed(self) -> list[CellDiagnosis]:
        """What stands behind the cells, the emergent ones first, between towers before others."""
        native = set(self.report.facts["hub_native"])
        emergent = {(one.query, one.gallery) for one in self.report.cells if one.certificate.status == "emergent"}
        return sorted(
            self.report.diagnosis.cells,
            key=lambda one: ((one.query, one.gallery) not in emergent, len({one.query, one.gallery} & native)),
        )
