"""Commands for protocols beside the matrix: classify, probe, combine."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import Output, console

Where = Annotated[Path, typer.Argument(help="a run, or a space together with --table")]
OnTable = Annotated[str | None, typer.Option(help="a pair table with a column split; a run's own by default")]
Split = Annotated[str | None, typer.Option(help="rows to test on; the run's choice, or test")]
Label = Annotated[str, typer.Option(help="column of the labels; cells may hold lists")]
Names = Annotated[Path | None, typer.Option(help="YAML mapping class: [names]; the labels themselves by default")]
Templates = Annotated[str | None, typer.Option(help="prompt templates, by name or YAML file")]


def classify(
    path: Where,
    modality: Annotated[str, typer.Argument(help="whose samples are classified")],
    table: OnTable = None,
    split: Split = None,
    label: Label = "label",
    names: Names = None,
    templates: Templates = None,
    separator: Annotated[str, typer.Option(help="between several labels of a text cell")] = "",
    output: Output = None,
) -> None:
    """Zero-shot classification by class names: top-1, top-5, macro, mAP, with intervals and the certificate."""
    from binder.run.keeping import keep_findings
    from binder.run.protocol_tables import print_zero_shot, read_names, save
    from binder.run.protocols import ClassNames, Setting
    from binder.run.protocols import classify as run

    asked = ClassNames(label=label, names=read_names(names), templates=templates, separator=separator)
    setting = Setting.open(path, table, split=split, console=console)
    found = run(setting, modality, asked)
    print_zero_shot(found, console)
    save(found, output, console)
    keep_findings(path, [found], table_fingerprint=setting.table().fingerprint, console=console)


def probe(
    path: Where,
    modality: Annotated[str, typer.Argument(help="whose vectors are probed")],
    table: OnTable = None,
    split: Split = None,
    label: Label = "label",
    names: Names = None,
    templates: Templates = None,
    shots: Annotated[str, typer.Option(help="labelled items per class, with commas between")] = "1,2,4,8,16",
    draws: Annotated[int, typer.Option(min=1, help="of shots")] = 5,
    output: Output = None,
) -> None:
    """Few-shot linear probe beside the zero-shot line and the untrained twin."""
    from binder.run.keeping import keep_findings
    from binder.run.protocol_tables import print_probe, read_counts, read_names, save
    from binder.run.protocols import ClassNames, Setting
    from binder.run.protocols import probe as run

    asked = ClassNames(label=label, names=read_names(names), templates=templates)
    setting = Setting.open(path, table, split=split, console=console)
    found = run(setting, modality, asked, shots=read_counts(shots), num_draws=draws)
    print_probe(found, console)
    save(found, output, console)
    keep_findings(path, [found], table_fingerprint=setting.table().fingerprint, console=console)


def combine(
    path: Where,
    parts: Annotated[str, typer.Argument(help="modalities of the query, e.g. audio+text or audio=3+text=1")],
    gallery: Annotated[str, typer.Argument(help="modality that answers")],
    table: OnTable = None,
    split: Split = None,
    relevance: Annotated[str, typer.Option(help="id, label, or YAML as for binder eval")] = "id",
    choose_on: Annotated[str | None, typer.Option(help="a hub modality: weights are chosen on validation rows")] = None,
    centre: Annotated[bool, typer.Option("--centre", help="take training means off first")] = False,
    output: Output = None,
) -> None:
    """Retrieval by weighted sums of several modalities, beside each part alone."""
    import yaml

    from binder.run.keeping import keep_findings
    from binder.run.protocol_tables import print_combined, read_parts, save
    from binder.run.protocols import Setting, combined

    listed, weights = read_parts(parts)
    setting = Setting.open(path, table, split=split, console=console)
    found = combined(
        setting, listed, gallery,
        relevance=yaml.safe_load(relevance), weights=weights, choose_on=choose_on, centre=centre,
    )  # fmt: skip
    print_combined(found, console)
    save(found, output, console)
    keep_findings(path, [found], table_fingerprint=setting.table().fingerprint, console=console)
