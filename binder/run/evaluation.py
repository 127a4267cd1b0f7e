"""`evaluate`: encode every modality of a table once, and judge every ordered pair. Floor: run."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from rich.console import Console

from binder.config import load_config
from binder.data import OnError, PairTable, SampleReport
from binder.errors import ConfigError
from binder.evaluate import EncodedModality, Report, Rows, evaluate_space
from binder.prompts import TEXT, Prompts
from binder.run.encoding import Encoder
from binder.run.progress import track
from binder.run.tables import open_splits, require_split, tower_specs
from binder.space import Space

Rule = str | Mapping[str, Sequence[str] | float | int]
Relevance = Rule | Sequence[Rule]


def evaluate(
    space: Space,
    table: PairTable | str | Path,
    *,
    relevance: Relevance = "id",
    modalities: Sequence[str] | None = None,
    templates: str | Sequence[str] | None = None,
    train_table: PairTable | None = None,
    validation_table: PairTable | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    pools: Sequence[int] = (),
    on_error: Literal["raise", "skip"] = "raise",
    hub_cache: Path | None = None,
    console: Console | None = None,
) -> Report:
    """Fill the certified matrix of all ordered pairs of modalities.

    Args:
        space: hub and towers.
        table: rows to test on; a path or hub id is opened with default columns.
        relevance: `id`, `label`, modality -> columns it can see, or column -> gain; several rules in a list.
        modalities: which to evaluate; by default every column that the space can embed.
        templates: prompt templates (see `Prompts.open`): each text is then embedded as the mean of its prompts.
            By default those of the space's modality `text`, where it has any; the report keeps them with their hash.
        train_table: training rows, on which the hub's native modalities are centred for the centred
            scores; without it those scores are left out for native modalities.
        validation_table: validation rows, on which match probabilities are learned; without it there are none.
        bootstrap: resamples for the intervals.
        seed: of intervals and controls.
        pools: gallery sizes at which hit@k and MRR are foreseen too (see `binder.metrics.pools`).
        on_error: `skip` leaves bad samples out and lists them in the report.
        hub_cache: folder of hub caches; a temporary one by default.
        console: where progress is drawn.

    Returns:
        The report; `report.save(folder)`, `report.render(console)`.
    """
    if not isinstance(table, PairTable):
        table = PairTable.open(table, specs={name: checkpoint.spec for name, checkpoint in space.towers.items()})
    names = _choose(space, table, modalities)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Encoder(
            space=space,
            cache=hub_cache or Path(scratch),
            on_error=on_error,
            console=console,
            report=SampleReport(),
            prompts=_prompts(space, templates) if TEXT in names else None,
        )
        encoded = {name: encoder.encode(name, table, train_table) for name in names}
        validation = None if validation_table is None else _validation(encoder, names, validation_table)
    with track(console, "judging cells", None) as progress:
        report = evaluate_space(
            encoded,
            table_rows(table),
            relevance=relevance,
            ledgers={name: checkpoint.ledger for name, checkpoint in space.towers.items()},
            hub_fingerprint=space.hub.fingerprint,
            hub_native=space.hub.native,
            num_bootstrap=bootstrap,
            seed=seed,
            pools=pools,
            validation=validation,
            correction=space.correction,
            progress=progress,
        )
    if console is not None and encoder.report.skips:
        console.print(encoder.report.render_skips(), style="yellow", markup=False)
    facts = {
        "hub": space.hub.name,
        "table_fingerprint": table.fingerprint,
        "prompts": encoder.prompts and {"hash": encoder.prompts.hash, "templates": list(encoder.prompts.templates)},
        "correction": _correction_facts(space, table),
        "towers": {name: space.towers[name].fingerprint for name in names if name in space.towers},
        "no_control": encoder.no_control,
        "skips": encoder.report.skips_to_json(),
        "notes": encoder.report.count_notes([table]),
    }
    return replace(report, facts={**report.facts, **facts})


def evaluate_run(
    folder: str | Path,
    *,
    split: str | None = None,
    output: Path | None = None,
    device: str = "cpu",
    console: Console | None = None,
) -> Report:
    """Evaluate a finished run on its own table, as its configuration says.

    Args:
        folder: of the run.
        split: the rows to test on; the configuration's choice by default.
        output: where the report is saved; `FOLDER/report` by default.
        device: where to encode.
        console: where progress is drawn.

    Raises:
        ConfigError: the folder holds no run.
    """
    folder = Path(folder)
    config = load_config(folder / "config.yaml")
    splits = open_splits(config.data, seed=config.seed, specs=tower_specs(config))
    settings = config.evaluate
    report = evaluate(
        Space.load(folder, device=device, precision=config.hub.precision),
        require_split(splits, split or settings.split),
        relevance=settings.relevance,
        modalities=settings.modalities,
        templates=settings.templates,
        train_table=splits.get("train"),
        validation_table=splits.get("validation"),
        bootstrap=settings.bootstrap,
        seed=config.seed,
        pools=settings.pools,
        on_error=config.data.on_error,
        hub_cache=config.hub.cache,
        console=console,
    )
    report.save(output or folder / "report")
    return report


def evaluate_space_on(
    folder: Path,
    table: str,
    *,
    split: str | None,
    relevance: str,
    output: Path,
    group: str | None = None,
    label: str | None = None,
    templates: str | None = None,
    on_error: OnError = "raise",
    device: str = "cpu",
    console: Console | None = None,
) -> Report:
    """Evaluate a saved space on any pair table, and save the report.

    Args:
        folder: of the space, or of a run.
        table: path or hub id.
        split: value of the table's `split` column; all rows if None.
        relevance: `id`, `label`, or YAML such as `{audio: [object], depth: [object, size]}`.
        output: where the report is saved.
        group: column of groups; `group` by default, where there is one.
        label: column of labels; `label` by default, where there is one.
        templates: name or YAML file of prompt templates for the texts.
        on_error: `skip` leaves bad samples out and lists them.
        device: where to encode.
        console: where progress is drawn.

    Raises:
        ConfigError: a relevance that is not YAML.
    """
    try:
        rule = yaml.safe_load(relevance)
    except yaml.YAMLError as error:
        raise ConfigError.explain("relevance is not YAML", got=relevance, expected=str(error)) from None
    space = Space.load(folder, device=device)
    specs = {name: checkpoint.spec for name, checkpoint in space.towers.items()}
    rows = PairTable.open(table, group=group, label=label, specs=specs)
    splits = {} if split is None else rows.splits()
    chosen = rows if split is None else require_split(splits, split)
    report = evaluate(
        space,
        chosen,
        relevance=rule,
        templates=templates,
        train_table=splits.get("train"),
        validation_table=splits.get("validation"),
        on_error=on_error,
        console=console,
    )
    report.save(output)
    return report


def table_rows(table: PairTable) -> Rows:
    """What an evaluation knows of a table beside its samples."""
    return Rows(ids=table.ids, groups=table.groups, attributes=table_attributes(table), has_groups=table.has_groups)


def _correction_facts(space: Space, table: PairTable) -> dict[str, Any] | None:
    """What the space corrects by, and whether the rows to test on took part in fitting it."""
    correction = space.correction
    if correction is None:
        return None
    return {"name": correction.name, "fitted_here": table.fingerprint in correction.facts.get("tables", {}).values()}


def _validation(
    encoder: Encoder, names: Sequence[str], table: PairTable
) -> tuple[dict[str, EncodedModality], Rows] | None:
    known = [name for name in names if name in table.columns]
    return ({name: encoder.encode_plainly(name, table) for name in known}, table_rows(table)) if known else None


def _prompts(space: Space, templates: str | Sequence[str] | None) -> Prompts | None:
    templates = templates or space.spec(TEXT).options.get("templates")
    return Prompts.open(templates) if templates else None


def _choose(space: Space, table: PairTable, modalities: Sequence[str] | None) -> list[str]:
    possible = [name for name in space.modalities if name in table.columns]
    unknown = set(modalities or ()) - set(possible)
    if unknown or len(modalities or possible) < 2:
        raise ConfigError.explain(
            "nothing to evaluate" if not unknown else "can't evaluate these modalities",
            got=sorted(unknown) or possible,
            expected="two or more modalities that the space embeds and the table has",
            choices=possible,
        )
    return list(modalities or possible)


def table_attributes(table: PairTable) -> dict[str, list[Any]]:
    """Columns that relevance may ask for: those that hold no samples, and id, group and label."""
    own = {"id": table.ids, "group": table.groups, **({"label": table.labels} if table.labels else {})}
    others = {name: table.attribute(name) for name in table.attribute_names if name not in table.columns.values()}
    return {**others, **own}
