"""What the certificates say, in words. Floor: report."""

from collections import Counter

from binder.report.blocks import Block, Remarks, Section, Text
from binder.report.subject import Subject
from binder.report.words import arrow, gathered

_MOST_OPEN = 5  # remarks
_MEANINGS = {
    "emergent": "no training joined the two modalities but by way of the hub, and no test sample was seen in training",
    "trained": "training pairs joined them",
    "hub-native": "the frozen hub embeds both",
    "tainted": "not what it claims to be, for the reasons below: in no average",
}


def certificates(subject: Subject) -> Section:
    """How many of each kind; why cells are tainted or were not evaluated; what else is to be known."""
    cells = subject.report.cells
    counts = Counter(cell.certificate.status for cell in cells)
    told = [f"{counts[status]} {status}: {text}" for status, text in _MEANINGS.items() if counts[status]]
    blocks: list[Block] = [
        Text(text=f"Derived from what every tower's ledger says that training saw. {'. '.join(told)}.")
    ]
    for title, lines in (
        ("Tainted, because", [(cell, cell.certificate.reasons) for cell in cells]),
        ("Not evaluated, because", [(cell, (cell.why_not or "",)) for cell in cells]),
        ("Notes", [(cell, (*cell.certificate.notes, *cell.notes)) for cell in cells]),
    ):
        found = gathered((text, arrow(cell.query, cell.gallery)) for cell, texts in lines for text in texts if text)
        if found:
            blocks.append(Remarks(title=title, remarks=found, folded=len(found) > _MOST_OPEN))
    return Section(id="certificates", title="Certificates", blocks=tuple(blocks))
