"""Sections `hub` and `data`: what is embedded, and from which table. Floor: config."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from binder.config.base import Section

Precision = Literal["auto", "float32", "bfloat16"]


class HubConfig(Section):
    """Which frozen embedder defines the space.

    Attributes:
        name: SCHEME:MODEL, e.g. `open_clip:ViT-B-32/laion2b_s34b_b79k`.
        options: passed to the adapter.
        precision: what the hub computes in. `auto` casts its weights to bfloat16 where the device has matrix units
            for it (CPU with AMX, CUDA), the hub has 50 million weights or more, and on fixed samples the cosine
            to float32 is at least .999; else it stays in float32, and the log says why.
        transform: fitted on training hub vectors, applied to every hub vector. `pca` turns them so that the first
            dimensions vary most, and keeps every cosine.
        matryoshka: the hub was trained so that prefixes of its vectors are vectors, too; `loss.matryoshka` then
            needs no `transform: pca`.
        mode: `cache` embeds the table once; `live` runs the hub in every step.
        cache: folder that holds hub caches of any run; they are keyed by content.
        views: training sees this many random parts of each picture beside the whole, cut alike on both sides;
            0 for whole pictures only. `cache` embeds them all once; `live` draws a new part every time
            where this is above 0.
        smallest_view: smallest side of such a part, as a share of the picture's.
        mirror_views: flip every second part left to right; off, because captions may say left and right.
    """

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    precision: Precision = "auto"
    transform: Literal["none", "centre", "whiten", "pca"] = "none"
    matryoshka: bool = False
    mode: Literal["cache", "live"] = "cache"
    cache: Path = Path("runs/hub_cache")
    views: int = Field(default=0, ge=0)
    smallest_view: float = Field(default=0.5, gt=0, le=1)
    mirror_views: bool = False

    @model_validator(mode="after")
    def _precision_in_its_place(self) -> "HubConfig":
        if "precision" in self.options:
            raise ValueError("precision is no option of the adapter: write hub.precision")
        return self


class SplitConfig(Section):
    """How rows are divided; exactly one of the three ways.

    Attributes:
        column: a column that names each row's split.
        fractions: split name -> share of rows; groups stay whole; seeded by the run's seed.
        by: column whose `values` decide, e.g. subject.
        values: split name -> values of `by`.
    """

    column: str | None = None
    fractions: dict[str, float] | None = None
    by: str | None = None
    values: dict[str, list[str | int]] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SplitConfig":
        ways = [self.column is not None, self.fractions is not None, self.by is not None and self.values is not None]
        if sum(ways) != 1 or (self.by is None) != (self.values is None):
            raise ValueError("give exactly one of: column; fractions; by together with values")
        return self


class DataConfig(Section):
    """The pair table and how its cells become samples.

    Attributes:
        table: path or hub id of a pair table.
        columns: modality -> column; by default every column named like a registered modality.
        id: column of row ids; row numbers if the table has no such column.
        group: column of what must not straddle splits (recording, subject, scene).
        label: column of class labels.
        split: how rows are divided. Rows of `train` are learned from; where there is a `validation`, it
            chooses the epoch, else the last one is kept; other names are for testing.
        train_fraction: share of `train` to learn from, in whole groups, in an order of the run's seed: smaller shares
            are parts of larger ones. For learning curves (`binder curve`).
        on_error: `raise` stops at the first bad sample; `skip` leaves it out and reports it.
        keep_in_memory: keep transformed samples, so that each file is read once.
        licence: of the data; stored in the ledger.
        likenesses: also store by what copies of the training samples are known (perceptual hashes of pictures,
            landmarks of sounds, hashes of hub vectors; see `binder.likeness`), for certificates. Every picture and
            sound is read once more for it.
    """

    table: str
    columns: dict[str, str] | None = None
    id: str | None = None
    group: str | None = None
    label: str | None = None
    split: SplitConfig = SplitConfig(column="split")
    train_fraction: float = Field(default=1.0, gt=0, le=1)
    on_error: Literal["raise", "skip"] = "raise"
    keep_in_memory: bool = True
    licence: str | None = None
    likenesses: bool = True
