"""The hub's side of a run: open it, cache it, fit its transform, hand out targets. Floor: run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from binder.config import HubConfig, RunConfig
from binder.data import OnError, PairTable, SampleReport, ViewedSpec, ViewRule
from binder.errors import ConfigError, TrainingError
from binder.hub import Hub, open_hub
from binder.hub.cache import HubCache, build_hub_cache
from binder.hub.targets import HubTargets, cached_targets, live_targets, plan_views
from binder.hub.transform import TransformedHub, fit_hub_transform
from binder.run.progress import track
from binder.run.remarks import tell_remarks
from binder.run.tables import open_splits, tower_specs
from binder.space import Space
from binder.train import start_engine


class Anchors:
    """Gives hub vectors for any part of the run's table.

    Args:
        hub: as opened, or of an existing space, transform included.
        config: the run's hub section.
        on_error: `raise` or `skip`, for the hub's own samples.
        report: gets the remarks on them; a hub that embeds live leaves none.
        console: where progress is drawn.
    """

    def __init__(
        self, hub: Hub, config: HubConfig, *, on_error: OnError, report: SampleReport, console: Console | None
    ) -> None:
        self.raw = hub.hub if isinstance(hub, TransformedHub) else hub
        self.hub, self.config = hub, config
        self.on_error: OnError = on_error
        self.report, self.console = report, console

    def check(self, modalities: Sequence[str], table: PairTable) -> None:
        """Refuse anchors that the hub can't embed or the table lacks, before anything is computed."""
        for modality in modalities:
            if modality not in self.raw.native:
                raise ConfigError.explain(
                    f"hub_modality {modality!r} is not native to {self.raw.name}", got=modality, choices=self.raw.native
                )
            if modality not in table.columns:
                raise ConfigError.explain(
                    f"the table has no column for hub_modality {modality!r}",
                    choices=table.columns,
                    fix="map one in data.columns",
                )

    def fit_transform(self, modalities: Sequence[str], train: PairTable) -> None:
        """Fit the configured transform on the distinct hub vectors of the training rows."""
        if self.config.transform == "none" or isinstance(self.hub, TransformedHub):
            return
        vectors = [self.cache(modality, train).unique_vectors for modality in modalities]
        transform = fit_hub_transform(self.config.transform, torch.from_numpy(np.concatenate(vectors)))
        self.hub = TransformedHub(self.raw, transform)

    def cache(self, modality: str, table: PairTable, *, view: int = 0) -> HubCache:
        """The cache of one hub modality of `table`, or of one view of it; built or resumed if it is not there.

        The run's processes all call this: they share out the shards, and go on when the cache is complete.
        """
        title = f"hub cache: {modality}" + (f", view {view} of {self.config.views}" if view else "")
        spec = self.raw.spec(modality)
        with track(self.console, title, len(table)) as progress:
            cache = build_hub_cache(
                self.raw,
                table,
                modality,
                ViewedSpec(spec=spec, rule=self._rule, number=view) if view else spec,
                self.config.cache,
                on_error=self.on_error,
                progress=progress,
            )
        self.report.extend(cache.remarks)
        return cache

    def targets(self, modalities: Sequence[str], table: PairTable, *, training: bool = False) -> HubTargets:
        """Targets for the rows of `table`, cached or live as configured; views are for training rows only."""
        specs = {modality: self.raw.spec(modality) for modality in modalities}
        live, picture, views = self.config.mode == "live", None, None
        if training and self.config.views:
            picture, views = plan_views(table, specs, self._rule, count=None if live else self.config.views)
        if live:
            return live_targets(self.hub, table, specs, views=views)
        caches = {modality: self.cache(modality, table) for modality in modalities}
        numbers = range(1, self.config.views + 1)
        viewed = {picture: [self.cache(picture, table, view=number) for number in numbers]} if picture else {}
        transform = self.hub.transform if isinstance(self.hub, TransformedHub) else None
        return cached_targets(caches, transform, views=views, viewed=viewed)

    @property
    def _rule(self) -> ViewRule:
        return ViewRule(smallest=self.config.smallest_view, mirror=self.config.mirror_views)


def build_caches(config: RunConfig, *, console: Console | None = None) -> dict[str, Path]:
    """Embed every hub column of a run's table, and the views that training will ask for; it finds the caches.

    Returns:
        "SPLIT/MODALITY", for a view with its number behind -> folder of the cache.
    """
    hub = hub_of(config, None).to(start_engine(config.train.precision).device)
    report = SampleReport()
    anchors = Anchors(hub, config.hub, on_error=config.data.on_error, report=report, console=console)
    splits = open_splits(config.data, seed=config.seed, specs=tower_specs(config))
    native = [modality for modality in anchors.raw.native if modality in next(iter(splits.values())).columns]
    folders = {}
    for name, table in splits.items():
        for modality in native:
            folders[f"{name}/{modality}"] = anchors.cache(modality, table).folder
            views = config.hub.views if name == "train" and anchors.raw.spec(modality).viewable else 0
            for number in range(1, views + 1):
                folders[f"{name}/{modality}/{number}"] = anchors.cache(modality, table, view=number).folder
    tell_remarks(report, list(splits.values()), console)
    return folders


def hub_of(config: RunConfig, space: Space | None) -> Hub:
    """The hub of a run: that of `space`, where one is given and it is the configured one, else opened anew.

    Raises:
        TrainingError: the space has another hub or transform.
    """
    if space is None:
        return open_hub(config.hub.name, precision=config.hub.precision, **config.hub.options)
    kind = space.hub.transform.kind if isinstance(space.hub, TransformedHub) else "none"
    if (space.hub.name, kind) != (config.hub.name, config.hub.transform):
        raise TrainingError.explain(
            "the space has another hub than the configuration",
            got=f"{space.hub.name}, transform {kind}",
            expected=f"{config.hub.name}, transform {config.hub.transform}",
            fix="set hub.name and hub.transform to the space's",
        )
    return space.hub
