"""What the samples of a table are like: which cannot be read, and remarks on the others. Floor: check; for the CLI."""

from collections import defaultdict

import numpy as np

from binder.check.lines import CheckLine
from binder.data import PairTable
from binder.data.reading import load_row
from binder.errors import SampleError
from binder.modality import ModalitySpec

SHOWN = 5  # ids per remark


def check_samples(spec: ModalitySpec, table: PairTable) -> list[CheckLine]:
    """Read every sample of a modality once.

    Returns:
        `samples`, which fails where one cannot be read; one more line per kind of fault, and one per kind of
        remark (`ModalitySpec.notes`), which fails nothing. Each gives the ids of the first few.
    """
    faults: dict[str, list[str]] = defaultdict(list)
    notes: dict[str, list[str]] = defaultdict(list)
    rows = np.flatnonzero(table.present(spec.name))
    for row in rows.tolist():
        try:
            sample = load_row(table, row, spec)
        except SampleError as error:
            faults[str(error).partition("\n")[0]].append(table.ids[row])
            continue
        for note in spec.notes(sample):
            notes[note.partition(":")[0]].append(table.ids[row])
    bad = sum(map(len, faults.values()))
    return [
        CheckLine(name="samples", passed=not bad, detail=f"{len(rows) - bad} of {len(rows)} can be read"),
        *(_line("fault", False, *found) for found in faults.items()),
        *(_line("note", True, *found) for found in notes.items()),
    ]


def _line(name: str, passed: bool, what: str, ids: list[str]) -> CheckLine:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return CheckLine(name=name, passed=passed, detail=f"{len(ids)} x {what} (id {', '.join(ids[:SHOWN])}{more})")
