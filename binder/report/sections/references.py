"""The space beside a floor below it and a ceiling above. Floor: report."""

from binder.evaluate.reference import Reference
from binder.report.blocks import Entry, Section, Table, Text
from binder.report.subject import Subject
from binder.report.words import bounds, estimated, pairs_named, short

_READ = (
    "Floor: the same encoders before training, with a head in closed form. Ceiling: a tower trained on the very pair, "
    "which the space never saw. Ratio: (space - chance) / (reference - chance); beside a ceiling it says how much of "
    "what pairs would give came without them."
)


def references(subject: Subject) -> Section:
    """One row a reference; hit@1 and mAP."""
    found = subject.report.findings.references
    if not found:
        return Section(id="references", title="Floor and ceiling")
    table = Table(
        caption="What the same cells score in other spaces; differences are the space's minus the reference's",
        heads=("query → gallery", "reference", "metric", "reference scores", "difference", "ratio", "how it was made"),
        rows=tuple(row for one in found for row in _rows(one, subject.rules)),
        filters=True,
    )
    return Section(id="references", title="Floor and ceiling", blocks=(Text(text=_READ), table))


def _rows(one: Reference, rules: list[str]) -> list[tuple[Entry, ...]]:
    (name,) = pairs_named([(one.query, one.gallery, one.rule)], rules)
    return [
        (
            Entry(text=name),
            Entry(text=one.kind),
            Entry(text=metric),
            estimated(value),
            Entry(
                text=f"{one.difference[metric].value:+.3f}",
                note=bounds(one.difference[metric]),
                order=one.difference[metric].value,
            ),
            estimated(one.ratio.get(metric)),
            Entry(text=short(one.note, 160)),
        )
        for metric, value in one.metrics.items()
    ]
