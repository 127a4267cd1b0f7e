"""Remarks on a run's samples: printed at its end, kept in its folder, read again by a resumed run. Floor: run."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from binder.data import Note, PairTable, Remark, SampleReport, Skip
from binder.data.remarks import note_lines
from binder.storage import read_json, write_json

_SKIPS, _NOTES = "skips.json", "notes.json"


def tell_remarks(report: SampleReport, tables: Sequence[PairTable], console: Console | None) -> None:
    """Print what was left out and what stands out; nothing where there is neither, or nobody to read it.

    Args:
        report: the remarks.
        tables: that the samples are of.
        console: where to.
    """
    lines = note_lines(report.count_notes(tables))
    if report.skips:
        lines.insert(0, report.render_skips())
    if console is not None and lines:
        console.print("\n".join(lines), style="yellow", markup=False, highlight=False)


def save_remarks(report: SampleReport, tables: Sequence[PairTable], folder: Path) -> None:
    """Write every skip as `skips.json`, and the ids of every kind of note as `notes.json`."""
    write_json(folder / _SKIPS, report.skips_to_json())
    write_json(folder / _NOTES, report.count_notes(tables))


def load_remarks(folder: Path) -> list[Remark]:
    """What `save_remarks` wrote; nothing where it has not been yet."""
    skips, notes = (read_json(folder / name) if (folder / name).exists() else [] for name in (_SKIPS, _NOTES))
    noted = [Note(id, one["modality"], one["note"]) for one in notes for id in one["ids"]]
    return [*(Skip(**skip) for skip in skips), *noted]
