"""`correct`: fit corrections on training rows, choose one on validation, store it in the space. Floor: run."""

import itertools
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from binder.config import load_config
from binder.data import ModalityDataset, OnError, PairTable, SampleReport
from binder.errors import ConfigError
from binder.evaluate import EncodedModality, Rows, relevance_rules
from binder.evaluate.corrections import Choice, Correction, Gain, choose_correction, fit_correction, relayed_question
from binder.evaluate.items import Items, collapse
from binder.evaluate.relevance import RelevanceRule, relate
from binder.evaluate.scoring import Question
from binder.publish import find_space, store_correction
from binder.run.encoding import Encoder
from binder.run.evaluation import Relevance, table_rows
from binder.run.progress import track
from binder.run.tables import open_splits, require_split, tower_specs
from binder.space import Space
from binder.towers import encode_samples

CANDIDATES = ("centre", "csls", "nnn", "inverted-softmax", "qb-norm", "hub-profile", "centre+csls", "centre+nnn")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CorrectSettings:
    """How a correction is chosen.

    Attributes:
        candidates: as `parse_stages` reads them.
        relevance: of the hub pairs; the run's own if None, `id` for a space.
        bootstrap: resamples for the intervals.
        seed: of the resamples.
        group: column of groups of a table that is named; its `group` by default.
        label: column of labels of a table that is named; its `label` by default.
        on_error: `skip` leaves bad samples out.
        device: where to encode.
    """

    candidates: Sequence[str] = CANDIDATES
    relevance: Relevance | None = None
    bootstrap: int = 1000
    seed: int = 0
    group: str | None = None
    label: str | None = None
    on_error: OnError = "raise"
    device: str = "cpu"


def correct(
    folder: str | Path,
    table: str | None = None,
    settings: CorrectSettings | None = None,
    *,
    dry_run: bool = False,
    console: Console | None = None,
) -> Choice:
    """Choose a correction for a saved space, on rows `train` and `validation` alone, and put it into the folder.

    If raw is left alone, a correction that stood there is taken out: the folder holds what was decided last.

    Args:
        folder: of a space, or of a run.
        table: with a column `split`; a run's own by default.
        settings: how.
        dry_run: decide, and store nothing.
        console: where progress is drawn.

    Raises:
        ConfigError: a space without a table, an unknown correction, or none that can be fitted.
        TableError: no rows to fit or to choose on.
        MetricError: no trained pair of a tower and the hub among the columns.
    """
    folder, settings = Path(folder), settings or CorrectSettings()
    space = Space.load(folder, device=settings.device)
    splits, relevance = _open(folder, space, table, settings)
    parts = [require_split(splits, name) for name in ("train", "validation")]
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Encoder(
            space=space, cache=Path(scratch), on_error=settings.on_error, console=console, report=SampleReport()
        )
        training, validation = (_Encoded(encoder, part) for part in parts)
    candidates = _fit(space, {name: one.vectors for name, one in training.items.items()}, settings.candidates)
    choice = _choose(space, candidates, validation, relevance, settings)
    if not dry_run:
        chosen = next((one for one in candidates if one.name == choice.chosen), None)
        facts = {
            "choice": TypeAdapter(Choice).dump_python(choice, mode="json"),
            "tables": {"train": parts[0].fingerprint, "validation": parts[1].fingerprint},
            "towers": {name: tower.fingerprint for name, tower in space.towers.items()},
        }
        store_correction(find_space(folder), chosen and chosen.explained(**facts))
    return choice


class _Encoded:
    """Raw vectors of all modalities of a table that the space embeds, whatever correction it has."""

    def __init__(self, encoder: Encoder, table: PairTable) -> None:
        self.rows = table_rows(table)
        names = [name for name in encoder.space.modalities if name in table.columns]
        self.items: dict[str, Items] = {name: collapse(_encode(encoder, name, table), self.rows) for name in names}


def _encode(encoder: Encoder, name: str, table: PairTable) -> EncodedModality:
    checkpoint = encoder.space.towers.get(name)
    if checkpoint is None:
        return encoder.encode(name, table, None)
    samples = ModalityDataset(table, checkpoint.spec, on_error=encoder.on_error, cache=False)
    with track(encoder.console, f"encoding {name}", len(samples)) as progress:
        rows, vectors, _ = encode_samples(checkpoint.tower, samples, progress=progress)
    hashes = table.content_hashes(name)
    content = tuple(hashes[row] for row in rows)
    return EncodedModality(name=name, vectors=vectors, rows=rows, content=content, native=False)


def _open(
    folder: Path, space: Space, table: str | None, settings: CorrectSettings
) -> tuple[dict[str, PairTable], Relevance]:
    """Splits and relevance: of the named table, else of the run."""
    if table is not None:
        specs = {name: checkpoint.spec for name, checkpoint in space.towers.items()}
        rows = PairTable.open(table, group=settings.group, label=settings.label, specs=specs)
        return rows.splits(), settings.relevance or "id"
    if not (folder / "config.yaml").is_file():
        raise ConfigError.explain("which table?", got=folder, fix="name a pair table after it: only a run has its own")
    config = load_config(folder / "config.yaml")
    splits = open_splits(config.data, seed=config.seed, specs=tower_specs(config))
    return splits, settings.relevance or config.evaluate.relevance


def _fit(space: Space, training: dict[str, np.ndarray], names: Sequence[str]) -> list[Correction]:
    """Candidates; one that moves vectors must know all modalities, or those it does not know could not be compared."""
    fitted = [fit_correction(name, training, native=space.hub.native) for name in names]
    missing = [name for name in space.modalities if name not in training]
    whole = [one for one in fitted if not (missing and one.moves_vectors)]
    if missing:
        log.warning(
            "no training rows of %s: corrections that move vectors are left out, scores with them stay raw",
            ", ".join(missing),
        )
    if not whole:
        raise ConfigError.explain("no correction can be fitted", got=list(names), fix="try score stages, e.g. csls")
    return whole


def _choose(
    space: Space, candidates: list[Correction], validation: _Encoded, relevance: Relevance, settings: CorrectSettings
) -> Choice:
    items = validation.items
    anchors = _anchors(space, items)
    hub_questions, relayed = [], []
    rule = relevance_rules(relevance, items)[0]
    for query, gallery in itertools.permutations(items, 2):
        sides = items[query], items[gallery]
        hubs = [*anchors.get(query, ()), *anchors.get(gallery, ())]
        if query in hubs or gallery in hubs:
            hub_questions += _hub_question(*sides, rule, validation.rows, settings)
        elif hubs:  # emergent; both sides' partners are of one modality of the hub, where they have one in common
            hub = max(hubs, key=hubs.count)
            question = relayed_question(
                *sides, items[hub], validation.rows, num_bootstrap=settings.bootstrap, seed=settings.seed
            )
            relayed += [question] if question is not None else []
    return choose_correction(candidates, hub_questions, relayed)


def _anchors(space: Space, items: dict[str, Items]) -> dict[str, list[str]]:
    """Tower -> hub modalities of the table that it was trained on."""
    edges = [(name, edge) for name in space.towers if name in items for edge in space.towers[name].ledger.edges]
    joined = [(name, other) for name, edge in edges for other in edge if other in space.hub.native and other in items]
    return {name: [other for one, other in joined if one == name] for name in dict(joined)}


def _hub_question(
    query: Items, gallery: Items, rule: RelevanceRule, rows: Rows, settings: CorrectSettings
) -> list[Question]:
    if rule.why_not(query.name, gallery.name) is not None:
        return []
    relevance = relate(query, gallery, rule.shared(query.name, gallery.name), rows)
    question = Question(
        query=query, gallery=gallery, relevance=relevance, num_bootstrap=settings.bootstrap, seed=settings.seed
    )
    return [question] if len(question.kept) else []


def render_choice(choice: Choice, console: Console) -> None:
    """Print every candidate with its gains, and the decision."""
    shown = Table("correction", "hub pairs", "relayed", "verdict", title=f"{choice.metric}, corrected - raw")
    shown.title_justify = "left"
    for trial in choice.trials:
        shown.add_row(trial.correction, _gain(trial.hub), _gain(trial.relayed), trial.verdict)
    console.print(shown)
    counts = f"{len(choice.hub_pairs)} hub pairs, {len(choice.relayed_pairs)} relayed questions"
    console.print(f"{choice.chosen or 'raw'}: {choice.why} ({counts})", highlight=False)


def _gain(gain: Gain | None) -> str:
    if gain is None:
        return "-"
    mean = gain.mean
    return f"{mean.value:+.3f}" + ("" if mean.low is None else f" [{mean.low:+.3f} {mean.high:+.3f}]")
