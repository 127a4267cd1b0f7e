"""Shards as the webdataset library writes them, in open_clip's convention, hold what that library reads from them."""

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import webdataset
from PIL import Image

from binder.data import PairTable, read_sample
from binder.registry import create_modality

NUM = 7


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """jpg, txt and json per key, four keys a shard, as img2dataset leaves them for open_clip's --train-data."""
    folder = tmp_path / "shards"
    folder.mkdir()
    with webdataset.ShardWriter(str(folder / "%05d.tar"), maxcount=4, verbose=0) as writer:
        for number in range(NUM):
            picture = np.random.default_rng(number).integers(256, size=(20, 30, 3), dtype=np.uint8)
            stream = io.BytesIO()
            Image.fromarray(picture).save(stream, "JPEG")
            caption = f"picture {number}, grün"
            fields = {"caption": caption, "url": f"https://x.test/{number}.jpg", "similarity": number / 10}
            writer.write({"__key__": f"{number:09d}", "jpg": stream.getvalue(), "txt": caption, "json": fields})
    return folder


def _as_open_clip_reads(pattern: str) -> list[dict[str, Any]]:
    """The steps of open_clip's `get_wds_dataset` that decide what a sample holds."""
    read = webdataset.DataPipeline(
        webdataset.SimpleShardList(pattern),
        webdataset.tarfile_to_samples(),
        webdataset.decode("pilrgb"),
        webdataset.rename(image="jpg;png;jpeg;webp", text="txt"),
    )
    return list(read)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # its files
def test_a_table_holds_what_open_clip_reads(shards: Path) -> None:
    pattern = str(shards / "{00000..00001}.tar")
    table = PairTable.open(pattern, columns={"image": "jpg", "text": "txt"})
    theirs = _as_open_clip_reads(pattern)
    assert len(theirs) == len(table) == NUM
    assert table.ids == [one["__key__"] for one in theirs]
    for row, one in enumerate(theirs):
        assert np.array_equal(read_sample(table, row, create_modality("image")), np.asarray(one["image"]))
        assert read_sample(table, row, create_modality("text")) == one["text"]
        assert table.attribute("url")[row] == one["json"]["url"]
    assert table.attribute("similarity") == [number / 10 for number in range(NUM)]
