"""What else was measured: zero-shot, probes, combined queries, corrections. Floor: report."""

from binder.evaluate.corrections import Comparison
from binder.evaluate.findings import Findings
from binder.evaluate.protocols.combined import Combined
from binder.evaluate.protocols.linear_probe import LinearProbe
from binder.evaluate.protocols.zero_shot import ZeroShot
from binder.report.blocks import Block, Entry, Remark, Remarks, Section, Table
from binder.report.subject import Subject
from binder.report.words import arrow, bounds, estimated, number, pairs_named, short


def findings(subject: Subject) -> Section:
    """A table for each protocol that was asked for."""
    found = subject.report.findings
    blocks: list[Block] = [
        table
        for table in (
            _zero_shot(found.zero_shot),
            _probes(found.probes),
            _combined(found.combined),
            _corrections(found.corrections, subject.rules),
        )
        if table.rows
    ]
    notes = _notes(found)
    blocks += [Remarks(title="Notes", remarks=notes)] if notes else []
    return Section(id="findings", title="Further protocols", blocks=tuple(blocks))


def _zero_shot(found: tuple[ZeroShot, ...]) -> Table:
    rows = [
        (
            Entry(text=short(one.modality)),
            Entry(text=one.certificate.status, status=one.certificate.status),
            number(len(one.classes), ","),
            number(one.num_queries, ","),
            *(estimated(one.metrics.get(name)) for name in ("top-1", "top-5", "macro", "mAP")),
            number(one.chance["top-1"]),
        )
        for one in found
    ]
    heads = ("modality", "certificate", "classes", "items", "top-1", "top-5", "macro", "mAP", "chance of top-1")
    return Table(caption="Zero-shot classification by the names of classes", heads=heads, rows=tuple(rows))


def _probes(found: tuple[LinearProbe, ...]) -> Table:
    rows = [
        (
            Entry(text=short(one.modality)),
            number(point.shots, ","),
            estimated(point.metrics.get("top-1")),
            estimated(twin.metrics.get("top-1") if twin else None),
            estimated(one.zero_shot),
            number(one.worth_shots, ","),
        )
        for one in found
        for point in one.tower
        for twin in [next((other for other in one.untrained if other.shots == point.shots), None)]
    ]
    heads = ("modality", "shots", "top-1", "untrained", "zero-shot", "shots that zero-shot is worth")
    return Table(caption="Few-shot linear probes", heads=heads, rows=tuple(rows))


def _combined(found: tuple[Combined, ...]) -> Table:
    rows = [
        (
            Entry(text=arrow(one.query, one.gallery)),
            Entry(text=one.status, status=one.status),
            Entry(text=", ".join(f"{short(name)} {weight:.2f}" for name, weight in one.weights.items())),
            estimated(one.metrics.get("hit@1")),
            number(one.chance["hit@1"]),
            Entry(text="; ".join(f"{short(part.part)} {_value(part.alone)}" for part in one.parts)),
        )
        for one in found
    ]
    heads = ("query → gallery", "certificate", "weights", "hit@1", "chance", "each part alone")
    return Table(caption="Queries of several modalities at once", heads=heads, rows=tuple(rows))


def _corrections(found: tuple[Comparison, ...], rules: list[str]) -> Table:
    names = pairs_named([(one.query, one.gallery, one.rule) for one in found], rules)
    rows = [
        (
            Entry(text=name),
            Entry(text=short(one.correction)),
            Entry(text="transductive: in no headline" if one.transductive else "inductive"),
            estimated(one.raw.get("hit@1")),
            estimated(one.corrected.get("hit@1")),
            Entry(
                text=f"{one.difference['hit@1'].value:+.3f}",
                note=bounds(one.difference["hit@1"]),
                order=one.difference["hit@1"].value,
            ),
        )
        for name, one in zip(names, found, strict=True)
    ]
    heads = ("query → gallery", "correction", "kind", "raw hit@1", "corrected", "difference")
    return Table(caption="Corrections", heads=heads, rows=tuple(rows), filters=True)


def _value(estimates: dict) -> str:
    return f"{estimates['hit@1'].value:.3f}" if "hit@1" in estimates else "-"


def _notes(found: Findings) -> tuple[Remark, ...]:
    lines = [(one.modality, note) for one in (*found.zero_shot, *found.probes) for note in one.notes]
    return tuple(Remark(text=short(note, 400), about=(short(name),)) for name, note in lines)
