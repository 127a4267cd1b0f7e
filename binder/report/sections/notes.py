"""What stands out in the samples, and what could not be measured. Floor: report."""

from collections import Counter

from binder.data.remarks import note_lines
from binder.report.blocks import Block, Remark, Remarks, Section
from binder.report.subject import Subject
from binder.report.words import LONGEST_REMARK, short

_MOST = 40  # lines under a title


def notes(subject: Subject) -> Section:
    """Samples left out, remarks on the others, missing controls and calibrations."""
    facts = subject.report.facts
    skips = Counter((skip["modality"], skip["reason"].partition("\n")[0]) for skip in facts.get("skips", ()))
    missing = [
        f"no untrained control of {name}: {reason}" for name, reason in sorted(facts.get("no_control", {}).items())
    ]
    blocks: list[Block] = []
    for title, lines in (
        ("Samples left out", [f"{count} x {name}: {reason}" for (name, reason), count in skips.items()]),
        ("Remarks on samples", note_lines(facts.get("notes", ()))),
        ("Not measured", [*missing, *subject.report.diagnosis.notes]),
        ("Not shown", [subject.samples] if isinstance(subject.samples, str) else []),
    ):
        if lines:
            more = [f"and {len(lines) - _MOST} more; report.json has them all"] if len(lines) > _MOST else []
            told = tuple(Remark(text=short(line, LONGEST_REMARK)) for line in [*lines[:_MOST], *more])
            blocks.append(Remarks(title=title, remarks=told))
    return Section(id="notes", title="Notes", blocks=tuple(blocks))
