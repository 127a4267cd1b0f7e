"""Commands that judge a space: eval, report, certify."""

from pathlib import Path
from typing import Annotated

import typer

from binder.commands.common import Device, console


def evaluate(
    path: Annotated[Path, typer.Argument(help="a run folder, or a space folder together with --table")],
    table: Annotated[str | None, typer.Option(help="another pair table than the run's own")] = None,
    split: Annotated[
        str | None, typer.Option(help="rows to test on; default: the run's choice, or all rows of --table")
    ] = None,
    relevance: Annotated[
        str, typer.Option(help="with --table: id, label, or a YAML mapping modality: [columns]")
    ] = "id",
    group: Annotated[str | None, typer.Option(help="with --table: column of recordings, people or places")] = None,
    label: Annotated[str | None, typer.Option(help="with --table: column of labels")] = None,
    templates: Annotated[
        str | None, typer.Option(help="with --table: prompt templates for its texts, by name or YAML file")
    ] = None,
    skip: Annotated[bool, typer.Option("--skip", help="with --table: leave bad samples out and list them")] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="report folder; default: PATH/report, of a run on another table PATH/report-TABLE"),
    ] = None,
    floor: Annotated[
        bool, typer.Option("--floor", help="of a run: set it beside ridge regression on its untrained encoders")
    ] = False,
    ceiling: Annotated[
        list[str] | None, typer.Option(help="A-B, of a run: set it beside A trained on pairs with B itself; trains")
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="a benchmark record, NAME-vN (see binder benchmarks), together with --data")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="with --benchmark: the folder that its preparation wrote")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="with --benchmark: refuse another table than the record's")
    ] = False,
    device: Device = "cpu",
) -> None:
    """Encode every modality once and print the certified matrix of all ordered pairs."""
    from binder.run import evaluate_run, evaluate_space_on
    from binder.run.keeping import with_findings
    from binder.run.references import check_ceilings, find_references
    from binder.run.reporting import open_tables, write_pages

    if (floor or ceiling) and (table is not None or benchmark is not None):
        raise typer.BadParameter("--floor and --ceiling are of a run on its own table")
    if ceiling:
        check_ceilings(path, ceiling)
    target = output or path / _report_name(path, table, benchmark)
    if benchmark is not None:
        _evaluate_benchmark(path, benchmark, data, target, strict=strict, skip=skip, device=device)
        return
    if table is None:
        report = evaluate_run(path, split=split, output=target, device=device, console=console)
        if floor or ceiling:
            found = find_references(path, report, floor=floor, ceilings=ceiling or [], console=console)
            report = with_findings(report, found)
            report.save(target)  # its pages are written once, below
    else:
        report = evaluate_space_on(
            path,
            table,
            split=split,
            relevance=relevance,
            output=target,
            group=group,
            label=label,
            templates=templates,
            on_error="skip" if skip else "raise",
            device=device,
            console=console,
        )
    report.render(console)
    tables = [] if table is None else open_tables(table, run=path, group=group, label=label)
    write_pages(target, run=path, tables=tables, console=console)
    console.print(f"saved in {target}", highlight=False)


def _report_name(path: Path, table: str | None, benchmark: str | None) -> str:
    """A run's report is of its own table; other tables get folders of their own beside it."""
    if not (path / "config.yaml").is_file() or (table is None and benchmark is None):
        return "report"
    return f"report-{benchmark or Path(str(table)).stem}"


def _evaluate_benchmark(
    path: Path, name: str, data: Path | None, output: Path, *, strict: bool, skip: bool, device: str
) -> None:
    from binder.evaluate.benchmarks import benchmark_lines, open_benchmark
    from binder.run.benchmarks import evaluate_benchmark, open_rows
    from binder.run.reporting import write_pages
    from binder.space import Space

    record = open_benchmark(name)
    if data is None:
        raise typer.BadParameter(f"--data FOLDER is needed; prepare it: {record.prepare}")
    on_error = "skip" if skip else "raise"
    space = Space.load(path, device=device)
    report = evaluate_benchmark(space, record, data, strict=strict, on_error=on_error, console=console)
    report.save(output)
    report.render(console)
    console.print("\n".join(benchmark_lines(report.facts["benchmark"])), markup=False, highlight=False)
    write_pages(output, run=path, tables=[open_rows(record, data, space=space)[0]], console=console)
    console.print(f"saved in {output}", highlight=False)


def report(
    path: Annotated[Path, typer.Argument(help="a run folder, or a report folder")],
    table: Annotated[str | None, typer.Option(help="the pair table that was evaluated, if not the run's own")] = None,
    group: Annotated[str | None, typer.Option(help="with --table: its column of groups, as for binder eval")] = None,
    label: Annotated[str | None, typer.Option(help="with --table: its column of labels, as for binder eval")] = None,
) -> None:
    """Write report.html and report.md anew from a saved report and its table; nothing is encoded."""
    from binder.run.reporting import open_tables, report_folder, write_pages

    folder, run = report_folder(path)
    tables = [] if table is None else open_tables(table, run=run, group=group, label=label)
    for file in write_pages(folder, run=run, tables=tables, console=console):
        console.print(f"saved {file}", highlight=False, soft_wrap=True)


def certify(
    path: Annotated[Path | None, typer.Argument(help="a run or space folder")] = None,
    table: Annotated[str | None, typer.Argument(help="the pair table to be tested on")] = None,
    split: Annotated[str | None, typer.Option(help="value of the table's column `split`; all rows by default")] = None,
    prototypes: Annotated[
        bool, typer.Option("--prototypes", help="relevance by label: shared captions may be known")
    ] = False,
    hub_vectors: Annotated[
        bool, typer.Option("--hub-vectors", help="embed the hub's modalities to compare them")
    ] = False,
    sources: Annotated[Path | None, typer.Option(help="YAML of what pretrained weights were trained on")] = None,
    json: Annotated[Path | None, typer.Option(help="write the certificate here, for others to verify")] = None,
    verify: Annotated[Path | None, typer.Option(help="derive this certificate's verdicts from its hashes")] = None,
) -> None:
    """Say of every pair whether it was trained, directly or not, and whether the table's samples were seen.

    Exit code 0: no pair is tainted, or the certificate holds; 1: some pair is, or it does not hold. With PATH and
    TABLE, --verify also makes the certificate again and compares.
    """
    from binder.run.certifying import certify_table, check_record, print_record, save_record

    if verify is None and (path is None or table is None):
        raise typer.BadParameter("give PATH and TABLE, or --verify FILE")
    record = None
    if path is not None and table is not None:
        options = {"by_id": not prototypes, "hub_vectors": hub_vectors, "sources": sources}
        record = certify_table(path, table, split=split, console=console, **options)
    if verify is not None:
        raise typer.Exit(check_record(verify, record, console))
    assert record is not None
    if json is not None:
        save_record(record, json)
    raise typer.Exit(print_record(record, console))
