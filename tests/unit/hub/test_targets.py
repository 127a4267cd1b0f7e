"""Targets of views: cached ones are live ones, the tower sees the same part, and none is as if there were none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import NUM_ROWS, PixelHub, write_pictures

from binder.config import TrainConfig
from binder.data import ModalityDataset, PairTable, ViewedSpec, ViewRule, Views
from binder.errors import HubError
from binder.hub.cache import build_hub_cache
from binder.hub.targets import cached_targets, live_targets, plan_views
from binder.registry import create_modality
from binder.train.loader import open_loader

RULE = ViewRule(smallest=0.4, mirror=True)
COUNT = 2


@pytest.fixture
def table(tmp_path: Path) -> PairTable:
    """The pictures of `pictures`."""
    return write_pictures(tmp_path / "data")


def _targets(table: PairTable, folder: Path, *, live: bool):
    hub, specs = PixelHub(), {name: create_modality(name) for name in ("image", "text")}
    views = Views(contents=table.content_hashes("image"), rule=RULE, count=COUNT)
    if live:
        return live_targets(hub, table, specs, views=views)
    caches = {name: build_hub_cache(hub, table, name, spec, folder) for name, spec in specs.items()}
    viewed = [
        build_hub_cache(hub, table, "image", ViewedSpec(spec=specs["image"], rule=RULE, number=number), folder)
        for number in range(1, COUNT + 1)
    ]
    return cached_targets(caches, views=views, viewed={"image": viewed})


def test_cached_views_are_live_views_for_equal_draws(table, tmp_path):
    cached, live = (_targets(table, tmp_path / "cache", live=live) for live in (False, True))
    for numbers in ([0] * NUM_ROWS, [1] * NUM_ROWS, [0, 1, 2, 2, 1, 0]):
        ours, present = cached(range(NUM_ROWS), numbers)
        theirs, _ = live(range(NUM_ROWS), numbers)
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)  # batches of other sizes
        assert present.all()
    whole, one = cached(range(NUM_ROWS))[0], cached(range(NUM_ROWS), [1] * NUM_ROWS)[0]
    assert (whole[:, 0] - one[:, 0]).norm(dim=-1).min() > 1e-3  # a part of the picture is another picture
    assert torch.equal(whole[:, 1], one[:, 1])  # a caption has no parts
    assert torch.equal(one[4, 0], one[5, 0])  # equal contents, equal views


def test_whole_samples_are_what_they_were_without_views(table, tmp_path):
    hub, image = PixelHub(), create_modality("image")
    plain = cached_targets({"image": build_hub_cache(hub, table, "image", image, tmp_path / "cache")})
    viewed = _targets(table, tmp_path / "cache", live=False)
    assert torch.equal(plain([3, 1])[0][:, 0], viewed([3, 1])[0][:, 0])
    assert plain.views is None


@pytest.mark.parametrize("workers", [0, 1])
def test_the_tower_sees_the_part_that_the_hub_saw(table, tmp_path, workers):
    depth = create_modality("depth", shift=0.0, scale_jitter=0.0)
    targets = _targets(table, tmp_path / "cache", live=False)
    samples = ModalityDataset(table, depth, cache=True)
    config = TrainConfig(batch_size=3, workers=workers, replication=2.0)
    loader = open_loader(samples, np.arange(NUM_ROWS), config, seed=2, views=targets.views)
    seen = set()
    for epoch in range(4):
        for rows, batch, _, views in loader.epoch(epoch):
            hub = targets(rows.tolist(), views.tolist())[0]
            for place, (row, number) in enumerate(zip(rows.tolist(), views.tolist(), strict=True)):
                view = targets.views.of(row, number)
                sample, picture = depth.synthetic(row), create_modality("image").synthetic(min(row, NUM_ROWS - 2))
                if view is not None:
                    sample, picture = view.cut(sample, (1, 2)), view.cut(picture, (0, 1))
                assert torch.equal(batch[place], depth.transform(sample))
                expected = PixelHub().embed("image", [picture])[0]
                torch.testing.assert_close(hub[place, 0], expected, atol=1e-6, rtol=0)
                seen.add((row, number))
    assert len(seen) == NUM_ROWS * (COUNT + 1)  # 48 draws met every view of every row


def test_without_views_the_loader_gives_what_it_gave(table):
    samples = ModalityDataset(table, create_modality("depth"), cache=True)
    config = TrainConfig(batch_size=3)
    plain = list(open_loader(samples, np.arange(NUM_ROWS), config, seed=2).epoch(1))
    none = Views(contents=[None] * NUM_ROWS, rule=RULE, count=COUNT)  # the hub has no picture of any row
    empty = list(open_loader(samples, np.arange(NUM_ROWS), config, seed=2, views=none).epoch(1))
    assert all(torch.equal(one.batch, other.batch) for one, other in zip(plain, empty, strict=True))


def test_views_need_one_picture_to_cut(table):
    image, depth, text = (create_modality(name) for name in ("image", "depth", "text"))
    for specs in ({"text": text}, {"image": image, "depth": depth}):
        with pytest.raises(HubError, match=r"hub\.views needs one hub modality of pictures"):
            plan_views(table, specs, RULE, count=2)
    name, views = plan_views(table, {"text": text, "image": image}, RULE, count=2)
    assert name == "image" and list(views.contents) == table.content_hashes("image")
