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
        remark (`ModalitySpec.notes`), which fails nothing. Each gives the ids of the first few, and a fault what
        was got, expected and to be done about the first.
    """
    faults: dict[str, list[str]] = defaultdict(list)
    details: dict[str, str] = {}  # of the first of a kind: what was got, what was expected, what to do
    notes: dict[str, list[str]] = defaultdict(list)
    rows = np.flatnonzero(table.present(spec.name))
    for row in rows.tolist():
        try:
            sample = load_row(table, row, spec)
        except SampleError as error:
            what, _, detail = str(error).partition("\n")
            details.setdefault(what, detail)
            faults[what].append(table.ids[row])
            continue
        for note in spec.notes(sample):
            notes[note.partition(":")[0]].append(table.ids[row])
    bad = sum(map(len, faults.values()))
    return [
        CheckLine(name="samples", passed=not bad, detail=f"{len(rows) - bad} of {len(rows)} can be read"),
        *(_line("fault", False, *found, details[found[0]]) for found in faults.items()),
        *(_line("note", True, *found) for found in notes.items()),
    ]


def _line(name: str, passed: bool, what: str, ids: list[str], first: str = "") -> CheckLine:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    found = f"{len(ids)} x {what} (id {', '.join(ids[:SHOWN])}{more})"
    return CheckLine(name=name, passed=passed, detail="\n".join(filter(None, (found, first))))
