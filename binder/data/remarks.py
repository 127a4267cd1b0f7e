"""What is to be said of a table's samples: which were left out, and what stands out in the others. Floor: data.

Remarks travel beside the samples they are about, out of worker processes and caches, to the `SampleReport` that a run
prints and stores.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from binder.data.table import PairTable

SHOWN = 5  # ids per line; the files have them all


@dataclass(frozen=True)
class Skip:
    """A sample that was left out.

    Attributes:
        id: of its row.
        modality: that could not be read.
        reason: the error's text; its first line names the kind of fault.
    """

    id: str
    modality: str
    reason: str


@dataclass(frozen=True)
class Note:
    """What a person should know of a sample that is valid all the same, see `ModalitySpec.notes`.

    Attributes:
        id: of its row.
        modality: the remark is about.
        kind: of remark, such as "silent".
    """

    id: str
    modality: str
    kind: str


Remark = Skip | Note


class SampleReport:
    """Remarks on the samples of a run: each once, in the order they were met."""

    def __init__(self, remarks: Iterable[Remark] = ()) -> None:
        self._skips: dict[tuple[str, str], Skip] = {}
        self._notes: dict[Note, None] = {}
        self.extend(remarks)

    def add(self, remark: Remark) -> None:
        """Take a remark; a second skip of the same sample, or the same note again, changes nothing."""
        if isinstance(remark, Skip):
            self._skips.setdefault((remark.id, remark.modality), remark)
        else:
            self._notes.setdefault(remark)

    def extend(self, remarks: Iterable[Remark]) -> None:
        """Take several."""
        for remark in remarks:
            self.add(remark)

    @property
    def skips(self) -> list[Skip]:
        """What was left out."""
        return list(self._skips.values())

    @property
    def notes(self) -> list[Note]:
        """What stands out in samples that were taken."""
        return list(self._notes)

    def __iter__(self) -> Iterator[Remark]:
        return iter((*self._skips.values(), *self._notes))

    def render_skips(self, *, limit: int = SHOWN) -> str:
        """Text for the terminal: counts per modality and fault, the first `limit` ids of each."""
        if not self._skips:
            return "no sample was left out"
        ids_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for skip in self.skips:
            ids_of[skip.modality, skip.reason.partition("\n")[0]].append(skip.id)
        lines = [f"left out {len(self._skips)} sample{'s' if len(self._skips) > 1 else ''}:"]
        for (modality, fault), ids in ids_of.items():
            lines.append(f"  {len(ids)} x {modality}: {fault} ({_some(ids, limit)})")
        return "\n".join(lines)

    def skips_to_json(self) -> list[dict[str, str]]:
        """Every sample that was left out, as JSON values."""
        return [asdict(skip) for skip in self.skips]

    def count_notes(self, tables: Sequence[PairTable]) -> list[dict[str, Any]]:
        """Notes by modality and kind, as JSON values.

        Args:
            tables: that the samples are of.

        Returns:
            `modality`, `note` (its kind), `samples` (how many), `of` (how many the tables hold), `ids`.
        """
        ids_of: dict[tuple[str, str], list[str]] = defaultdict(list)
        for note in self.notes:
            ids_of[note.modality, note.kind].append(note.id)
        held = {
            name: sum(int(table.present(name).sum()) for table in tables if name in table.columns) for name, _ in ids_of
        }
        return [
            {"modality": name, "note": kind, "samples": len(ids), "of": held[name], "ids": ids}
            for (name, kind), ids in ids_of.items()
        ]


def note_lines(counts: Iterable[Mapping[str, Any]], *, limit: int = SHOWN) -> list[str]:
    """Lines for the terminal from what `count_notes` gives: "12 of 300 audio samples: silent (id a, b and 10 more)"."""
    return [
        f"{one['samples']} of {one['of']} {one['modality']} samples: {one['note']} ({_some(one['ids'], limit)})"
        for one in counts
    ]


def _some(ids: Sequence[str], limit: int) -> str:
    more = f" and {len(ids) - limit} more" if len(ids) > limit else ""
    return f"id {', '.join(ids[:limit])}{more}"
