"""Encodes one modality of a table for an evaluation, with its controls. Floor: run; called by `evaluation`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from datasets import Dataset
from rich.console import Console

from binder.data import ModalityDataset, OnError, PairTable, Remark, SampleReport, Skip
from binder.data.likenesses import likenesses
from binder.data.reading import load_row, named, notes_on
from binder.errors import HubError, RegistryError, SampleError
from binder.evaluate import EncodedModality
from binder.hub.cache import build_hub_cache
from binder.hub.transform import TransformedHub
from binder.prompts import TEXT, Prompts
from binder.run.progress import track
from binder.space import Space
from binder.towers import Tower, TowerCheckpoint, encode_samples


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is embedded for the rows of a table: its own samples, or the prompts of each distinct text.

    Attributes:
        table: of what is embedded.
        on_error: what becomes of its bad samples; prompts are ours, so a bad one is an error.
        prompts: the set that the texts were put in, if any.
        rows: int64 (n,), rows of the original table that the answer is for; with prompts only.
        labels: int64 (n,), which text each of them holds; with prompts only.
        remarks: on the texts; with prompts only.
    """

    table: PairTable
    on_error: OnError
    prompts: Prompts | None = None
    rows: np.ndarray | None = None
    labels: np.ndarray | None = None
    remarks: Sequence[Remark] = ()

    def answer(
        self, rows: np.ndarray, vectors: np.ndarray, remarks: Sequence[Remark]
    ) -> tuple[np.ndarray, np.ndarray, Sequence[Remark]]:
        """Rows of the original table, their vectors and remarks on its samples, from those of `table`."""
        if self.prompts is None or self.rows is None or self.labels is None:
            return rows, vectors, remarks
        return self.rows, self.prompts.average(vectors)[self.labels], self.remarks


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Encodes the modalities of a table, one at a time.

    Attributes:
        space: hub and towers.
        cache: folder of hub caches.
        on_error: `skip` leaves bad samples out.
        console: where progress is drawn.
        report: collects remarks on the samples: what was left out of any table, and notes on the one to test on.
        prompts: templates that every text is put in; None embeds texts as they are.
        no_control: collects why a tower has no untrained twin, by its modality.
    """

    space: Space
    cache: Path
    on_error: OnError
    console: Console | None
    report: SampleReport
    prompts: Prompts | None = None
    no_control: dict[str, str] = field(default_factory=dict)

    def encode(self, name: str, table: PairTable, train_table: PairTable | None) -> EncodedModality:
        """Embed every row that holds the modality `name`; a native one is centred on `train_table`.

        Raises:
            SampleError: a bad sample, where they are not skipped.
        """
        if name in self.space.towers:
            return self._by_tower(name, table)
        rows, vectors, remarks = self._by_hub(name, table)
        self.report.extend(remarks)
        centre = None
        if train_table is not None and name in train_table.columns:
            _, learned, remarks = self._by_hub(name, train_table)
            self.report.extend(one for one in remarks if isinstance(one, Skip))
            centre = learned.mean(axis=0)
        return self._encoded(name, table, rows, vectors, native=True, untrained=None, centre=centre)

    def encode_plainly(self, name: str, table: PairTable) -> EncodedModality:
        """The same without controls and without remarks on good samples: for a table that is not the one to test on."""
        if name in self.space.towers:
            samples = ModalityDataset(table, self.space.towers[name].spec, on_error=self.on_error)
            title = f"encoding {name}, validation"
            rows, vectors, remarks = self._encode_samples(title, self.space.towers[name].tower, samples)
        else:
            rows, vectors, remarks = self._by_hub(name, table)
        self.report.extend(one for one in remarks if isinstance(one, Skip))
        native = name not in self.space.towers
        return self._encoded(name, table, rows, vectors, native=native, untrained=None, centre=None)

    def _by_tower(self, name: str, table: PairTable) -> EncodedModality:
        checkpoint, question = self.space.towers[name], self._question(name, table)
        samples = ModalityDataset(question.table, checkpoint.spec, on_error=question.on_error, cache=True)
        found = self._encode_samples(f"encoding {name}", checkpoint.tower, samples)
        rows, vectors, remarks = question.answer(*found)
        self.report.extend(remarks)
        twin, untrained = self._twin(name, checkpoint), None
        if twin is not None:
            before = self._encode_samples(f"encoding {name}, untrained", twin, samples)
            untrained = question.answer(*before)[1]
        return self._encoded(name, table, rows, vectors, native=False, untrained=untrained, centre=checkpoint.centre)

    def _twin(self, name: str, checkpoint: TowerCheckpoint) -> Tower | None:
        """The tower before training; None, with the reason noted, where its first weights can't be had again."""
        try:
            return checkpoint.untrained(self.space.hub).to(self.space.device)
        except (HubError, RegistryError) as error:
            self.no_control[name] = str(error)
            return None

    def _encode_samples(
        self, title: str, tower: Tower, samples: ModalityDataset
    ) -> tuple[np.ndarray, np.ndarray, list[Remark]]:
        with track(self.console, title, len(samples)) as progress:
            return encode_samples(tower, samples, progress=progress)

    def _by_hub(self, name: str, table: PairTable) -> tuple[np.ndarray, np.ndarray, Sequence[Remark]]:
        hub, question = self.space.hub, self._question(name, table)
        raw = hub.hub if isinstance(hub, TransformedHub) else hub
        with track(self.console, f"hub: {name}", len(question.table)) as progress:
            cache = build_hub_cache(
                raw,
                question.table,
                name,
                self.space.spec(name),
                self.cache,
                on_error=question.on_error,
                progress=progress,
            )
        vectors = cache.vectors_for(cache.rows)
        if isinstance(hub, TransformedHub):
            vectors = hub.transform(vectors)
        return question.answer(cache.rows, vectors.numpy(), cache.remarks)

    def _question(self, name: str, table: PairTable) -> _Question:
        if name != TEXT or self.prompts is None:
            return _Question(table=table, on_error=self.on_error)
        texts, remarks = self._texts(table)
        if not texts:
            return _Question(table=table, on_error=self.on_error)
        labels = {text: number for number, text in enumerate(dict.fromkeys(texts.values()))}
        prompts = self.prompts.fill(list(labels))
        ids = [str(number) for number in range(len(prompts))]
        return _Question(
            table=PairTable.from_dataset(Dataset.from_dict({"id": ids, TEXT: prompts}), columns={TEXT: TEXT}),
            on_error="raise",
            prompts=self.prompts,
            rows=np.array(list(texts), dtype=np.int64),
            labels=np.array([labels[text] for text in texts.values()], dtype=np.int64),
            remarks=remarks,
        )

    def _texts(self, table: PairTable) -> tuple[dict[int, str], list[Remark]]:
        """The text of every row that holds one, and remarks."""
        texts: dict[int, str] = {}
        remarks: list[Remark] = []
        spec = self.space.spec(TEXT)
        for row in np.flatnonzero(table.present(TEXT)).tolist():
            try:
                text = load_row(table, row, spec)
            except SampleError as error:
                if self.on_error == "raise":
                    raise named(error, table.ids[row], TEXT) from error
                remarks.append(Skip(table.ids[row], TEXT, str(error)))
                continue
            texts[row] = str(text)
            remarks += notes_on(table, row, spec, text)
        return texts, remarks

    def _encoded(
        self,
        name: str,
        table: PairTable,
        rows: np.ndarray,
        vectors: np.ndarray,
        *,
        native: bool,
        untrained: np.ndarray | None,
        centre: np.ndarray | None,
    ) -> EncodedModality:
        hashes, alike = table.content_hashes(name), likenesses(table, self.space.spec(name), rows.tolist())
        return EncodedModality(
            name=name,
            vectors=vectors,
            rows=rows,
            content=tuple(hashes[row] for row in rows),
            native=native,
            untrained=untrained,
            centre=centre,
            likenesses=None if alike is None else tuple(alike[row] for row in rows),
        )
