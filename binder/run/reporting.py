"""`write_pages`: report.html and report.md beside a report, from what lies there; nothing is encoded. Floor: run."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console

from binder.config import RunConfig, load_config
from binder.data import PairTable
from binder.errors import RegistryError, TableError
from binder.evaluate import Report
from binder.evaluate.report import KIND
from binder.extras import own_extra
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.report.subject import Learned, Samples, Subject
from binder.run.curves import CurveReport, needed_in_words
from binder.run.tables import open_splits, tower_specs
from binder.storage import is_complete, read_json, read_manifest, write_text

log = logging.getLogger(__name__)

HTML, MARKDOWN = "report.html", "report.md"
_CONFIG, _CURVE = "config.yaml", "curve.json"


def write_pages(
    folder: Path | str, *, run: Path | None = None, tables: Sequence[PairTable] = (), console: Console | None = None
) -> list[Path]:
    """Write a report's pages: the HTML file where the extra `report` is installed, Markdown always.

    Args:
        folder: of the report.
        run: folder of the run that was evaluated; its configuration names the table, and how samples are read.
        tables: what else may have been evaluated: the one with the report's fingerprint is shown.
        console: where it is said what could not be written.

    Returns:
        What was written.

    Raises:
        ArtifactError: no report in `folder`.
    """
    folder = Path(folder)
    report, made = Report.load(folder), read_manifest(folder, KIND)["provenance"]
    config = _config(run)
    subject = Subject(
        report=report,
        title=config.name if config is not None else f"a space around {report.facts.get('hub', 'a hub')}",
        made=made,
        samples=_samples(report, config, tables),
        learned=_learned(run),
    )
    return _write(subject, folder, console)


def open_tables(
    source: str, *, run: Path | None = None, group: str | None = None, label: str | None = None
) -> list[PairTable]:
    """What of a pair table may have been evaluated: the whole, or a split of it.

    Args:
        source: path or hub id.
        run: folder of the run that was evaluated, for how samples are read.
        group: column of groups, as it was evaluated.
        label: column of labels, as it was evaluated.
    """
    config = _config(run)
    rows = PairTable.open(source, group=group, label=label, specs={} if config is None else tower_specs(config))
    return [rows, *(rows.splits().values() if "split" in rows.attribute_names else ())]


def report_folder(path: Path) -> tuple[Path, Path | None]:
    """The report that `path` names, and its run: of a run `PATH/report`, else `path` itself."""
    if is_complete(path / "report"):
        return path / "report", path
    return path, path.parent if (path.parent / _CONFIG).is_file() else None


def _write(subject: Subject, folder: Path, console: Console | None) -> list[Path]:
    from binder.report.markdown import render_markdown

    write_text(folder / MARKDOWN, render_markdown(subject))
    extra = own_extra("report")
    if extra.missing:
        say = log.warning if console is None else console.print
        say(f"no {HTML}: it needs {', '.join(extra.missing)}; get it with: pip install '{extra.name}'")
        return [folder / MARKDOWN]
    from binder.report.page import render_page

    write_text(folder / HTML, render_page(subject))
    return [folder / HTML, folder / MARKDOWN]


def _config(run: Path | None) -> RunConfig | None:
    return load_config(run / _CONFIG) if run is not None and (run / _CONFIG).is_file() else None


def _samples(report: Report, config: RunConfig | None, tables: Sequence[PairTable]) -> Samples | str:
    """The table of the report's fingerprint, or why no sample can be shown."""
    if not tables and config is None:
        return "No samples are shown: the table is not known. binder report FOLDER --table TABLE names it."
    try:
        parts = tables or _splits(config)
    except TableError as error:
        return f"No samples are shown: the run's table cannot be opened ({str(error).partition(chr(10))[0]})."
    wanted, specs = report.facts.get("table_fingerprint"), {} if config is None else tower_specs(config)
    for part in parts:
        if len(part) == report.facts["rows"] and part.fingerprint == wanted:
            return Samples(table=part, specs={**specs, **_native(report, specs)})
    return (
        "No samples are shown: the table is not the one that was evaluated, or has changed since "
        f"(no part of it has the fingerprint {wanted})."
    )


def _splits(config: RunConfig | None) -> list[PairTable]:
    """A run's splits, the one that it evaluates first."""
    assert config is not None, "or there are tables"
    splits = open_splits(config.data, seed=config.seed, specs=tower_specs(config))
    return [splits[name] for name in sorted(splits, key=lambda name: name != config.evaluate.split)]


def _native(report: Report, towers: Mapping[str, ModalitySpec]) -> dict[str, ModalitySpec]:
    """Modalities that no tower's configuration describes, as they are registered."""
    found = {}
    for name in report.facts["modalities"]:
        if name not in towers:
            try:
                found[name] = create_modality(name)
            except RegistryError:  # of a plug-in that is not installed: its samples are not shown
                log.warning("samples of %s are not shown: no such modality is registered", name)
    return found


def _learned(run: Path | None) -> Learned | None:
    """The learning curve that a run has, or is a part of."""
    files = [] if run is None else [run / _CURVE, *([run.parent / _CURVE] if run.name.startswith("fraction_") else [])]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return None
    found = TypeAdapter(CurveReport).validate_python(read_json(file))
    needed = [] if found.needed is None else [needed_in_words(found.needed)]
    return Learned(
        name=found.headline,
        metric=found.metric,
        curve=found.curve,
        scores=found.scores,
        forecasts=found.forecasts,
        notes=(*needed, *found.statements),
    )
