"""(b) Training samples/s: the hub from its cache, the hub run live, and the tower alone, which is the limit."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import take_turns
from benchmarks.pictures import open_random_hub, table_of, write_pictures
from benchmarks.report import Goal, Part
from benchmarks.settings import Settings
from benchmarks.towers import hub_side, make_step, make_tower
from binder.hub.cache import build_hub_cache
from binder.hub.targets import HubTargets, cached_targets, live_targets
from modalities.image import Image

ALONE, CACHED, LIVE = "tower alone", "hub cached", "hub live"


def run(settings: Settings) -> Part:
    """The table."""
    device, batch = settings.device, settings.batch
    with tempfile.TemporaryDirectory() as folder:
        home, spec = Path(folder), Image()
        table = table_of(write_pictures(home, batch))
        hub = open_random_hub(home / "hub", settings)
        cache = build_hub_cache(hub, table, "image", spec, home / "cache", batch_size=batch)
        tower = make_tower(settings.tower, settings.side, device)
        pixels = torch.randn(batch, 3, settings.side, settings.side, device=device)
        step, rows = make_step(tower, device), np.arange(batch)
        optimizer = torch.optim.AdamW(tower.parameters(), lr=0.0)
        asked = torch.randn(batch, tower.dim, device=device)

        def train(targets: HubTargets) -> float:
            return step(pixels, hub_side(*targets(rows)))

        def alone() -> None:
            (tower(pixels) * asked).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        sources = {CACHED: cached_targets({"image": cache}), LIVE: live_targets(hub, table, {"image": spec})}
        losses = {name: train(targets) for name, targets in sources.items()}
        steps = {name: lambda targets=targets: train(targets) for name, targets in sources.items()}
        timings = take_turns({ALONE: alone, **steps}, settings.rounds, device)
    limit = timings[ALONE].median
    rows_of = [
        {
            "step": name,
            **timing.rate(batch, "samples/s"),
            "of the limit": limit / timing.median,
            "x cached's time": timing.median / timings[CACHED].median,
            "loss": losses.get(name),
        }
        for name, timing in timings.items()
    ]
    width, _, patch = settings.hub
    return Part(
        name="step",
        title=f"(b) Training step, {settings.tower}, batch {batch}, hub of width {width}, patch {patch}",
        rows=rows_of,
        goals=[
            Goal.least("cached over tower alone", limit / timings[CACHED].median, 0.95),
            Goal.most("|loss cached - loss live|", abs(losses[CACHED] - losses[LIVE]), 1e-5),
        ],
        notes=["live: JPEG files decoded and prepared too; the tower's own samples lie in memory in all three."],
    )
