"""Zero-shot classification, few-shot probes and combined queries of a saved space. Floor: run; called by the CLI.

The rows are a run's own splits, or those of a table with a column `split`; vectors are raw, as in `evaluate`.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from rich.console import Console

from binder.config import load_config
from binder.data import OnError, PairTable, SampleReport
from binder.errors import ConfigError
from binder.evaluate import EncodedModality, Rows, Training, relevance_rules
from binder.evaluate.certificate import Certificate
from binder.evaluate.items import collapse
from binder.evaluate.protocols.combined import Combined, combine
from binder.evaluate.protocols.labelled import Prototypes, check_names, label_items, row_labels
from binder.evaluate.protocols.linear_probe import SHOTS, LinearProbe, linear_probe
from binder.evaluate.protocols.weights import choose_weights
from binder.evaluate.protocols.zero_shot import ZeroShot, top_1, zero_shot
from binder.prompts import TEXT, Prompts
from binder.run.encoding import Encoder
from binder.run.evaluation import Relevance, table_rows
from binder.run.tables import open_splits, require_split, tower_specs
from binder.space import Space


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is judged, and on which rows.

    Attributes:
        space: hub and towers.
        splits: `test`, and as a protocol needs them `train` and `validation`.
        split: the rows to test on.
        bootstrap: draws for the intervals.
        seed: of all draws.
        on_error: `skip` leaves bad samples out.
        hub_cache: folder of hub caches; a temporary one if None.
        console: where progress is drawn.
    """

    space: Space
    splits: Mapping[str, PairTable]
    split: str = "test"
    bootstrap: int = 1000
    seed: int = 0
    on_error: OnError = "raise"
    hub_cache: Path | None = None
    console: Console | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        table: str | None = None,
        *,
        split: str | None = None,
        device: str = "cpu",
        console: Console | None = None,
    ) -> "Setting":
        """A run on its own table, or a space on a table that has a column `split`.

        Raises:
            ConfigError: a space without a table.
        """
        space = Space.load(folder, device=device)
        if table is not None:
            specs = {name: checkpoint.spec for name, checkpoint in space.towers.items()}
            return cls(
                space=space, splits=PairTable.open(table, specs=specs).splits(), split=split or "test", console=console
            )
        if not (folder / "config.yaml").is_file():
            raise ConfigError.explain("which table?", got=folder, fix="add --table: only a run has its own")
        config = load_config(folder / "config.yaml")
        return cls(
            space=space,
            splits=open_splits(config.data, seed=config.seed, specs=tower_specs(config)),
            split=split or config.evaluate.split,
            bootstrap=config.evaluate.bootstrap,
            seed=config.seed,
            on_error=config.data.on_error,
            hub_cache=config.hub.cache,
            console=console,
        )

    def table(self, split: str | None = None) -> PairTable:
        """The rows of a split; of the one to test on by default."""
        return require_split(self.splits, split or self.split)

    def rows(self, split: str | None = None) -> Rows:
        """The same without samples."""
        return table_rows(self.table(split))

    @contextmanager
    def encoder(self, prompts: Prompts | None = None):
        """Embeds tables of this setting."""
        with tempfile.TemporaryDirectory() as scratch:
            yield Encoder(
                space=self.space,
                cache=self.hub_cache or Path(scratch),
                on_error=self.on_error,
                console=self.console,
                report=SampleReport(),
                prompts=prompts,
            )

    def encode(self, modalities: Sequence[str], split: str | None = None) -> dict[str, EncodedModality]:
        """Embed modalities of a split."""
        with self.encoder() as encoder:
            return {name: encoder.encode(name, self.table(split), self.splits.get("train")) for name in modalities}

    def certify(self, query: EncodedModality, gallery: EncodedModality, *, by_id: bool) -> Certificate:
        """Verdict on a pair, on the rows to test on."""
        training = Training(
            {name: checkpoint.ledger for name, checkpoint in self.space.towers.items()},
            hub_fingerprint=self.space.hub.fingerprint,
            hub_native=self.space.hub.native,
        )
        rows = self.rows()
        return training.certify(collapse(query, rows), collapse(gallery, rows), rows, by_id=by_id)


@dataclass(frozen=True, kw_only=True)
class ClassNames:
    """How classes are asked for.

    Attributes:
        label: column of the labels; a cell may hold a list.
        names: class -> its names; the labels themselves if None.
        templates: prompt templates (see `Prompts.open`); names are embedded as they are if None.
        separator: between the labels of a text cell.
    """

    label: str = "label"
    names: Mapping[str, Sequence[str]] | None = None
    templates: str | Sequence[str] | None = None
    separator: str = ""


def classify(setting: Setting, modality: str, asked: ClassNames) -> ZeroShot:
    """Zero-shot classification of one modality by the names of its classes.

    Raises:
        ConfigError: the space embeds no text, or no such templates.
        MetricError: names or labels that cannot be resolved (see `labelled`).
    """
    encoded = setting.encode([modality])[modality]
    prototypes, texts, prompts = _prototypes(setting, encoded, asked)
    items = label_items(encoded, setting.rows(), asked.label, prototypes.classes, separator=asked.separator)
    return zero_shot(
        items,
        prototypes,
        certificate=setting.certify(encoded, texts, by_id=False),
        prompts=prompts,
        num_bootstrap=setting.bootstrap,
        seed=setting.seed,
    )


def probe(
    setting: Setting, modality: str, asked: ClassNames, *, shots: Sequence[int] = SHOTS, num_draws: int = 5
) -> LinearProbe:
    """Few-shot linear probe: shots from `train`, C from `validation` where there is one, judged on the test rows.

    The zero-shot line is drawn where the space embeds text.
    """
    splits = {"train": "train", "test": setting.split, "validation": "validation"}
    encoded = {
        role: setting.encode([modality], name)[modality] for role, name in splits.items() if name in setting.splits
    }
    labelled = {role: label_items(one, setting.rows(splits[role]), asked.label) for role, one in encoded.items()}
    hits = None
    if TEXT in setting.space.modalities:
        prototypes, _, _ = _prototypes(setting, encoded["test"], asked)
        hits = top_1(label_items(encoded["test"], setting.rows(), asked.label, prototypes.classes), prototypes)
    return linear_probe(
        labelled["train"],
        labelled["test"],
        validation=labelled.get("validation"),
        shots=shots,
        num_draws=num_draws,
        zero_shot_top_1=hits,
        num_bootstrap=setting.bootstrap,
        seed=setting.seed,
    )


def combined(
    setting: Setting,
    parts: Sequence[str],
    gallery: str,
    *,
    relevance: Relevance = "id",
    weights: Mapping[str, float] | None = None,
    choose_on: str | None = None,
    centre: bool = False,
) -> Combined:
    """Ask `gallery` by weighted sums of `parts`.

    Args:
        setting: space and rows.
        parts: modalities of the query.
        gallery: modality that answers.
        relevance: one rule, as `evaluate` takes it.
        weights: of the parts; equal ones by default.
        choose_on: a modality of the hub: weights are chosen against it on the rows `validation`.
        centre: take training means off first.
    """
    rule = relevance_rules(relevance, [*parts, gallery, *([choose_on] if choose_on else [])])[0]
    encoded, rows = setting.encode([*parts, gallery]), setting.rows()
    chosen_on = "given" if weights else "equal"
    if choose_on is not None:
        held = setting.encode([*parts, choose_on], "validation")
        found = choose_weights(
            {name: held[name] for name in parts},
            held[choose_on],
            setting.rows("validation"),
            rows,
            rule=rule,
            centre=centre,
        )
        weights, chosen_on = found.weights, f"{found.num_queries} validation queries to {choose_on}, mAP"
    by_id = any("id" in columns for columns in rule.sees.values())
    return combine(
        {name: encoded[name] for name in parts},
        encoded[gallery],
        rows,
        rule=rule,
        certificates={name: setting.certify(encoded[name], encoded[gallery], by_id=by_id) for name in parts},
        weights=weights,
        chosen_on=chosen_on,
        centre=centre,
        num_bootstrap=setting.bootstrap,
        seed=setting.seed,
    )


def _prototypes(
    setting: Setting, encoded: EncodedModality, asked: ClassNames
) -> tuple[Prototypes, EncodedModality, dict[str, Any] | None]:
    """Vectors of names, the text of every labelled row as the certificate sees it, facts about the prompts."""
    if TEXT not in setting.space.modalities:
        raise ConfigError.explain(
            "no class names without text", got=setting.space.modalities, fix="take a hub with text"
        )
    found = label_items(encoded, setting.rows(), asked.label, separator=asked.separator)
    names = asked.names or {label: [label] for label in found.classes}
    check_names(names)
    listed = [name for own in names.values() for name in own]
    prompts = None if asked.templates is None else Prompts.open(asked.templates)
    table = PairTable.from_dataset(
        Dataset.from_dict({"id": [str(i) for i in range(len(listed))], TEXT: listed}), columns={TEXT: TEXT}
    )
    with setting.encoder(prompts) as encoder:
        texts = encoder.encode(TEXT, table, None)
    prototypes = Prototypes(names=names, vectors=texts.vectors)
    first = dict(zip(names, np.searchsorted(prototypes.class_of_name, np.arange(len(names))).tolist(), strict=True))
    labels = row_labels(setting.rows(), asked.label, asked.separator)
    shown = [first[min(own)] if own and min(own) in first else None for own in labels]
    labelled = np.array([row for row, name in enumerate(shown) if name is not None], dtype=np.int64)
    places = [shown[row] for row in labelled]
    text_of_rows = EncodedModality(
        name=TEXT,
        vectors=texts.vectors[places],
        rows=labelled,
        content=tuple(texts.content[place] for place in places),
        native=texts.native,
    )
    facts = prompts and {"hash": prompts.hash, "templates": list(prompts.templates)}
    return prototypes, text_of_rows, facts
