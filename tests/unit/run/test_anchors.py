"""The hub's side of a run gives training rows their views, and no others."""

import pytest
import torch
from datasets import Dataset
from pictures import PixelHub, write_pictures

from binder.config import HubConfig, parse_config
from binder.data import SampleReport
from binder.run import anchors as room
from binder.run.anchors import Anchors, build_caches


def test_a_run_asks_for_views_of_training_rows_only(tmp_path):
    table = write_pictures(tmp_path / "data")
    for mode in ("cache", "live"):
        config = HubConfig(name="pixel", cache=tmp_path / mode, mode=mode, views=2)
        anchors = Anchors(PixelHub(), config, on_error="raise", report=SampleReport(), console=None)
        train, judged = (anchors.targets(["image"], table, training=training) for training in (True, False))
        assert judged.views is None and train.views.count == (2 if mode == "cache" else None)
        torch.testing.assert_close(train([0, 1])[0], judged([0, 1])[0])
        assert not torch.allclose(train([0, 1], [1, 2])[0], judged([0, 1])[0])
        off = config.model_copy(update={"views": 0})
        plain = Anchors(PixelHub(), off, on_error="raise", report=SampleReport(), console=None)
        assert plain.targets(["image"], table, training=True).views is None


def test_caching_beforehand_covers_the_views_of_training(tmp_path, monkeypatch: pytest.MonkeyPatch):
    table = write_pictures(tmp_path / "data")
    rows = {name: [str(table.cell(row, name)) for row in range(len(table))] for name in ("image", "depth", "text")}
    split = ["train"] * 4 + ["validation"] * 2
    Dataset.from_dict({**rows, "split": split}).to_parquet(str(tmp_path / "table.parquet"))
    monkeypatch.setattr(room, "hub_of", lambda config, space: PixelHub())
    content = {
        "name": "n",
        "output": str(tmp_path / "out"),
        "hub": {"name": "pixel", "views": 2, "cache": str(tmp_path / "cache")},
        "data": {"table": str(tmp_path / "table.parquet")},
        "towers": {"depth": {"hub_modality": "image"}},
    }
    folders = build_caches(parse_config(content))
    training = ["train/image", "train/image/1", "train/image/2", "train/text"]
    assert list(folders) == [*training, "validation/image", "validation/text"]
    assert len(set(folders.values())) == 6 and all(folder.is_dir() for folder in folders.values())
