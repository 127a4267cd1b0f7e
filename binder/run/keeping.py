"""`keep_findings`: adds what a protocol found to the report of the same rows, and writes its pages anew. Floor: run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from binder.evaluate import Report
from binder.evaluate.protocols.combined import Combined
from binder.evaluate.protocols.linear_probe import LinearProbe
from binder.evaluate.protocols.zero_shot import ZeroShot
from binder.evaluate.reference import Reference
from binder.run.reporting import report_folder, write_pages
from binder.storage import is_complete

Finding = ZeroShot | LinearProbe | Combined | Reference

# kind -> field of `Findings`, and what makes two of a kind the same question
_KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    ZeroShot: ("zero_shot", ("modality", "label")),
    LinearProbe: ("probes", ("modality", "label")),
    Combined: ("combined", ("query", "gallery", "rule", "weights")),
    Reference: ("references", ("kind", "query", "gallery", "rule")),
}


def keep_findings(
    path: Path, found: Sequence[Finding], *, table_fingerprint: str, console: Console | None = None
) -> Report | None:
    """Add findings to the report of `path`, save it and write its pages (see `with_findings`).

    Args:
        path: a run, or a report folder.
        found: what was found.
        table_fingerprint: of the rows it was found on.
        console: where it is said what became of it.

    Returns:
        The report as it is now; None where there is none, or it is of other rows.
    """
    folder, run = report_folder(path)
    if not is_complete(folder):
        return None
    report = Report.load(folder)
    if report.facts.get("table_fingerprint") != table_fingerprint:
        if console is not None:
            console.print(f"not added to {folder}: that report is of other rows", highlight=False)
        return None
    report = with_findings(report, found)
    report.save(folder)
    write_pages(folder, run=run, console=console)
    if console is not None:
        console.print(f"added to {folder}", highlight=False)
    return report


def with_findings(report: Report, found: Sequence[Finding]) -> Report:
    """The report with these findings; a newer answer to the same question takes the older one's place."""
    findings = report.findings
    for one in found:
        field, key = _KINDS[type(one)]
        asked = [getattr(one, name) for name in key]
        others = [old for old in getattr(findings, field) if [getattr(old, name) for name in key] != asked]
        findings = replace(findings, **{field: (*others, one)})
    return replace(report, findings=findings)
