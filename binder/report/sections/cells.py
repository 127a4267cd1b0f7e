"""Every cell beside its controls, in a table to filter and to sort. Floor: report."""

from binder.evaluate.cell import Cell
from binder.report.blocks import Entry, Section, Table, Text
from binder.report.subject import Subject
from binder.report.words import estimated, number, pair_entry, short

_FIRST = ("shuffled", "untrained", "label only")


def cells(subject: Subject) -> Section:
    """The table, and how to read it."""
    done = [cell for cell in subject.report.cells if cell.why_not is None]
    if not done:
        return Section(id="cells", title="All cells")
    table = _table(done, several_rules=len(subject.rules) > 1)
    return Section(id="cells", title="All cells", blocks=(Text(text=_READ), table))


def _table(shown: list[Cell], *, several_rules: bool) -> Table:
    """One row a cell."""
    known = dict.fromkeys(name for cell in shown for name in cell.controls)
    controls = sorted(known, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    rule = ("rule",) if several_rules else ()
    heads = ("query → gallery", "certificate", *rule, "hit@1", "chance", "lift", *map(short, controls))
    return Table(
        caption="hit@1 of every cell with its 95 % interval, chance and controls, and its other scores",
        heads=(*heads, "centred", "mAP", "mAP by chance", "MRR", "median rank", "queries / gallery", "groups"),
        rows=tuple(_row(cell, controls, several_rules) for cell in shown),
        filters=True,
    )


def _row(cell: Cell, controls: list[str], several_rules: bool) -> tuple[Entry, ...]:
    status = cell.certificate.status
    beside = (cell.controls[name].metrics["hit@1"] if name in cell.controls else None for name in controls)
    return (
        pair_entry(cell),
        Entry(text=status, status=status),
        *([Entry(text=short(cell.rule))] if several_rules else []),
        estimated(cell.metrics["hit@1"]),
        number(cell.chance["hit@1"]),
        Entry(text=f"{cell.lift['hit@1']:.1f}x", order=cell.lift["hit@1"]),
        *map(estimated, beside),
        estimated(cell.centred["hit@1"] if cell.centred else None),
        estimated(cell.metrics["mAP"]),
        number(cell.chance["mAP"]),
        estimated(cell.metrics["MRR"]),
        number(cell.metrics["median_rank"].value, "g"),
        Entry(text=f"{cell.num_queries:,} / {cell.num_gallery:,}", order=float(cell.num_queries)),
        number(cell.num_groups, ","),
    )


_READ = (
    "A cell deserves trust where it lies above chance and above its controls: shuffled (the gallery's vectors change "
    "owners), untrained (the towers before training), label only (the mean of the others of a query's class asks), "
    "two-hop (by way of the nearest hub vector). A dash: not measured."
)
