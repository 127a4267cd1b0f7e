"""The result of an evaluation: every cell, the headlines, per-query ranks; on disk and back.

Made by `binder.evaluate.runner`, printed and saved by `binder.run` and the CLI. On disk it is an artifact of
kind "report": `report.json` and `ranks.parquet` open without binder.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from binder.data.remarks import note_lines
from binder.errors import ArtifactError
from binder.evaluate.cell import Cell
from binder.evaluate.diagnosis import Diagnosis
from binder.evaluate.findings import Findings
from binder.evaluate.headline import Headline
from binder.evaluate.render import render_report
from binder.evaluate.render_findings import render_findings
from binder.storage import new_artifact, read_json, read_manifest, write_json

KIND = "report"
SCHEMA = (
    2  # of report.json; one of schema 1 has no pools, diagnosis or findings and fewer metrics, and is read as it is
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The certified matrix.

    Attributes:
        cells: every ordered pair of different modalities, under every rule.
        headlines: averages over emergent, trained and hub-native cells.
        facts: what was evaluated and how: hub, fingerprints of hub and towers, rules, sizes, seed, number of
            resamples, samples left out, notes on the others, towers without an untrained control and why.
        ranks: one row per cell and query: who asked, best rank, average precision, hits, recalls.
        diagnosis: what stands behind the cells: geometry, legs through the hub, calibration, examples.
        findings: what else was measured of the space on this table: zero-shot, probes, combinations, references.
    """

    cells: tuple[Cell, ...]
    headlines: tuple[Headline, ...]
    facts: dict[str, Any]
    ranks: pa.Table
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    findings: Findings = field(default_factory=Findings)

    def cell(self, query: str, gallery: str, rule: str | None = None) -> Cell:
        """The cell query -> gallery, under the first rule unless one is named."""
        for cell in self.cells:
            if (cell.query, cell.gallery) == (query, gallery) and rule in (None, cell.rule):
                return cell
        raise KeyError(f"no cell {query} -> {gallery}; cells: {', '.join(cell.name for cell in self.cells)}")

    def to_json(self) -> dict[str, Any]:
        """All but the ranks, as JSON values."""
        body = _Body(self.cells, self.headlines, self.facts, self.diagnosis, self.findings)
        return {"schema": SCHEMA, **_BODY.dump_python(body, mode="json")}

    def save(self, folder: Path | str) -> None:
        """Write the report as the artifact `folder`; complete or absent."""
        with new_artifact(Path(folder), KIND, {"report_schema": SCHEMA}) as partial:
            write_json(partial / "report.json", self.to_json())
            pq.write_table(self.ranks, partial / "ranks.parquet")

    @classmethod
    def load(cls, folder: Path | str) -> "Report":
        """Read a report that `save` wrote.

        Raises:
            ArtifactError: incomplete, of another kind, of a newer schema, or not what a report holds.
        """
        folder = Path(folder)
        read_manifest(folder, KIND)
        value = read_json(folder / "report.json")
        if value.pop("schema", 0) > SCHEMA:
            raise ArtifactError.explain("report of a newer binder", expected=f"schema <= {SCHEMA}", got=folder)
        try:
            body = _BODY.validate_python(value)
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise ArtifactError.explain(
                "not a report of this version of binder",
                got=f"{folder}: {place} is not what it should be",
                fix="evaluate again: binder eval",
            ) from error
        ranks = pq.read_table(folder / "ranks.parquet")
        return cls(ranks=ranks, **vars(body))

    def render(self, console: Console | None = None) -> None:
        """Print the matrix, averages, cells and controls, the legend, findings, and notes on samples."""
        console = console or Console()
        render_report(self, console)
        render_findings(self.findings, console)
        lines = note_lines(self.facts.get("notes", ()))  # reports from before have no such facts
        for name, reason in self.facts.get("no_control", {}).items():
            lines.append(f"no untrained control of {name}: {reason}")
        if lines:
            console.print("\n".join(lines), style="yellow", markup=False, highlight=False)


@dataclass(frozen=True)
class _Body:
    """What report.json holds beside its schema."""

    cells: tuple[Cell, ...]
    headlines: tuple[Headline, ...]
    facts: dict[str, Any]
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    findings: Findings = field(default_factory=Findings)


_BODY = TypeAdapter(_Body)
