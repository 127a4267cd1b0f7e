"""The hub's side of a run gives training rows their views, and no others."""

import torch
from pictures import PixelHub, write_pictures

from binder.config import HubConfig
from binder.run.anchors import Anchors


def test_a_run_asks_for_views_of_training_rows_only(tmp_path):
    table = write_pictures(tmp_path / "data")
    for mode in ("cache", "live"):
        config = HubConfig(name="pixel", cache=tmp_path / mode, mode=mode, views=2)
        anchors = Anchors(PixelHub(), config, on_error="raise", console=None)
        train, judged = (anchors.targets(["image"], table, training=training) for training in (True, False))
        assert judged.views is None and train.views.count == (2 if mode == "cache" else None)
        torch.testing.assert_close(train([0, 1])[0], judged([0, 1])[0])
        assert not torch.allclose(train([0, 1], [1, 2])[0], judged([0, 1])[0])
        off = config.model_copy(update={"views": 0})
        plain = Anchors(PixelHub(), off, on_error="raise", console=None)
        assert plain.targets(["image"], table, training=True).views is None
