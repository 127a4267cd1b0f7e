"""Whatever is wrong with a cell, every registered modality says so by the row's id, and a skip loses only that row."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from binder.data import ModalityDataset, PairTable, Skip, read_sample
from binder.errors import SampleError
from binder.registry import MODALITIES, create_modality, modality_names

SUFFIXES = [".png", ".jpg", ".mp4", ".wav", ".flac", ".npy", ".npz", ".csv", ".mat", ".parquet", ".bin"]
GARBAGE = b"\x00\x93neither this nor that\xff" * 40
POINTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]
NAMES = sorted(POINTS[MODALITIES])


def test_the_names_are_those_that_are_registered():
    assert set(NAMES) <= set(modality_names()) and len(NAMES) >= 9


@pytest.mark.parametrize("name", [name for name in NAMES if name != "text"])
def test_missing_empty_and_garbage_files_are_refused_by_every_modality(name, tmp_path):
    cells = ["missing.png", "empty.wav", *(f"garbage{suffix}" for suffix in SUFFIXES)]
    (tmp_path / "empty.wav").touch()
    for cell in cells[2:]:
        (tmp_path / cell).write_bytes(GARBAGE)
    rows = {"id": cells, name: [str(tmp_path / cell) for cell in cells]}
    table, spec = PairTable.from_dataset(Dataset.from_dict(rows)), create_modality(name)
    for row, cell in enumerate(cells):
        with pytest.raises(SampleError, match=f"^row '{cell}', modality '{name}': "):
            read_sample(table, row, spec)
    skipping = ModalityDataset(table, spec, on_error="skip")
    skips = [skipping[row] for row in range(len(cells))]
    assert len(skips) == 13 and all(isinstance(skip, Skip) for skip in skips)
    assert [skip.reason.partition("\n")[0] for skip in skips[:2]] == ["file not found", "empty file"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("text", "image", "video")])
def test_one_nan_is_refused_by_every_modality_that_measures(name):
    spec = create_modality(name)
    sound = np.asarray(spec.synthetic(0))
    broken = sound.copy()
    broken.reshape(-1)[3] = np.nan
    table = PairTable.from_dataset(Dataset.from_dict({"id": ["good", "bad"], name: [sound.tolist(), broken.tolist()]}))
    with pytest.raises(SampleError, match=f"^row 'bad', modality '{name}': .*(NaN|not a number)"):
        read_sample(table, 1, spec)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_captions_are_refused(text):
    table = PairTable.from_dataset(Dataset.from_dict({"id": ["a"], "text": [text]}))
    with pytest.raises(SampleError, match=r"^row 'a', modality 'text': empty text"):
        read_sample(table, 0, create_modality("text"))
