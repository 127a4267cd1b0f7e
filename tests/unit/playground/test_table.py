"""The playground on disk: deterministic, complete or absent, in ordinary formats, without leaks."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from binder.errors import ArtifactError
from binder.playground import VISIBLE, make_playground, table
from binder.playground.latents import MATERIALS, MOTIONS, OBJECTS, SPLITS, combination_split, combinations
from binder.storage import is_complete, read_manifest

SENSORS = ("image", "depth", "thermal", "audio", "imu")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"  # it holds the date
    }


def test_same_seed_gives_same_bytes_in_one_process_or_two(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "_CHUNK", 3)
    counts = {"train": 6, "validation": 3, "test": 3}
    one = contents(make_playground(tmp_path / "one", seed=5, workers=1, **counts).parent)
    two = contents(make_playground(tmp_path / "two", seed=5, workers=2, **counts).parent)
    assert len(one) == 12 * len(SENSORS) + 1
    assert one == two


def test_another_seed_shares_no_file(tmp_path):
    counts = {"train": 4, "validation": 2, "test": 2}
    one = contents(make_playground(tmp_path / "one", seed=1, workers=1, **counts).parent)
    two = contents(make_playground(tmp_path / "two", seed=2, workers=1, **counts).parent)
    assert not set(one.values()) & set(two.values())
    assert set(one) & set(two) == {"pairs.parquet"}


def test_formats_are_those_the_readme_promises(small_world, small_rows):
    for row in small_rows[:20]:
        pictures = {}
        for name, mode in (("image", "RGB"), ("depth", "I;16"), ("thermal", "I;16")):
            with Image.open(small_world / row[name]) as picture:
                assert (picture.mode, picture.size) == (mode, (64, 64))
                pictures[name] = np.asarray(picture)
        metres, kelvin = pictures["depth"] / 1000, pictures["thermal"] / 100
        assert 0.9 < metres[metres > 0].min() < metres.max() < 4.3
        assert 0 < (metres == 0).mean() < 0.05
        assert 240 < kelvin.min() < kelvin.max() < 600
        sound = soundfile.info(small_world / row["audio"])
        assert (sound.samplerate, sound.frames, sound.channels, sound.subtype) == (16000, 16000, 1, "PCM_16")


def test_imu_files_are_200_hz_csv_with_named_columns(small_world, small_rows):
    for row in small_rows[:5]:
        with (small_world / row["imu"]).open(newline="") as stream:
            lines = list(csv.reader(stream))
        assert ",".join(lines[0]) == "time_s,accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z"
        values = np.array(lines[1:], float)
        assert values.shape == (400, 7)
        np.testing.assert_allclose(np.diff(values[:, 0]), 1 / 200, atol=1e-9)
        assert np.abs(values[:, 1:4]).max() <= 16 * 9.80665 + 1e-3
        assert np.abs(values[:, 4:]).max() < 2 * np.pi * 3.4 + 1


def test_no_file_and_no_id_occurs_twice(small_world, small_rows):
    for sensor in SENSORS:
        hashes = {hashlib.sha256((small_world / row[sensor]).read_bytes()).digest() for row in small_rows}
        assert len(hashes) == len(small_rows)
    assert len({row["id"] for row in small_rows}) == len(small_rows)
    assert sum(1 for path in small_world.rglob("*") if path.is_file()) == len(small_rows) * len(SENSORS) + 2


def test_splits_share_neither_combinations_nor_captions(small_rows):
    for column in ("group", "text"):
        values = [{row[column] for row in small_rows if row["split"] == split} for split in SPLITS]
        assert sum(map(len, values)) == len(set.union(*values))
    for row in small_rows:
        assert row["group"] == f"{row['object']}-{row['material']}-{row['motion']}"
        assert row["split"] == combination_split(row["object"], row["material"], row["motion"])


def test_row_order_and_ids_do_not_tell_the_split(small_rows):
    """The mean position of test rows, in table order and in order of ids, is that of a random draw."""
    for rows in (small_rows, sorted(small_rows, key=lambda row: row["id"])):
        places = np.array([number for number, row in enumerate(rows) if row["split"] == "test"])
        error = len(rows) * np.sqrt((1 / 12) / len(places))
        assert abs(places.mean() - (len(rows) - 1) / 2) < 3.5 * error


def test_every_value_occurs_in_every_split(small_rows):
    for split in SPLITS:
        rows = [row for row in small_rows if row["split"] == split]
        for name, count in zip(VISIBLE["image"], (10, 6, 3, 3, 3, 7, 3), strict=True):
            assert len({row[name] for row in rows}) == count, (split, name)


def test_combinations_are_divided_evenly():
    sizes = {split: len(combinations(split)) for split in SPLITS}
    assert sizes == {"train": 294, "validation": 42, "test": 84}
    for split in SPLITS:
        assert {kind for kind, _, _ in combinations(split)} == set(OBJECTS)
        pairs = Counter((material, motion) for _, material, motion in combinations(split))
        assert len(pairs) == len(MATERIALS) * len(MOTIONS)
        assert set(pairs.values()) == {sizes[split] // 42}


def test_standing_playground_is_found_and_not_written_again(tmp_path):
    counts = {"train": 2, "validation": 1, "test": 1}
    path = make_playground(tmp_path / "world", seed=1, workers=1, **counts)
    before = path.stat().st_mtime_ns
    calls = []
    assert make_playground(tmp_path / "world", seed=1, progress=lambda *done: calls.append(done), **counts) == path
    assert (path.stat().st_mtime_ns, calls) == (before, [])
    make_playground(tmp_path / "world", seed=2, workers=1, progress=lambda *done: calls.append(done), **counts)
    assert read_manifest(tmp_path / "world", "pair table")["playground"]["seed"] == 2
    assert calls == [(4, 4)]


def test_interrupted_playground_leaves_nothing(tmp_path):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_playground(tmp_path / "world", train=2, validation=0, test=0, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ArtifactError, match="holds something else") as error:
        make_playground(tmp_path, train=1, validation=0, test=0, workers=1)
    assert "name another folder" in str(error.value)
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert not is_complete(tmp_path)
