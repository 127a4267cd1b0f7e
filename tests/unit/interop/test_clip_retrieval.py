"""Folders of clip-retrieval: read as tables and as the hub precomputed, written so that row i is row i everywhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner
from untrained_space import small_world, untrained_space

from binder.cli import app
from binder.data import PairTable
from binder.data.clip_retrieval import load_vectors
from binder.errors import TableError
from binder.hub.cache import build_hub_cache
from binder.interop.clip_retrieval import to_vector_file, write_folder
from binder.space import Space

CAPTIONS = ["a dog", "a cat", "a dog", "", "rain, at night"]  # one twice, one empty, as in any crawl
PARTS = ((0, 3), (3, 5))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    (tmp_path / "pictures").mkdir()
    for number in range(5):
        picture = np.random.default_rng(number).integers(256, size=(8, 8, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{number:05d}.png")
    return sorted((tmp_path / "pictures").iterdir())


def _vectors(seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(5, 16))
    vectors[2] = vectors[0] if seed == 1 else vectors[2]  # equal captions have equal vectors
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def _write(folder: Path, names: list[str]) -> Path:
    """As `OutputSink` of clip-retrieval 2.45 does, two parts, with a field of the JSON files."""
    for name in ("img_emb", "text_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    for number, (start, stop) in enumerate(PARTS):
        np.save(folder / "img_emb" / f"img_emb_{number}.npy", _vectors(0)[start:stop])
        np.save(folder / "text_emb" / f"text_emb_{number}.npy", _vectors(1)[start:stop])
        rows = {"image_path": names[start:stop], "caption": CAPTIONS[start:stop], "width": list(range(start, stop))}
        pd.DataFrame(rows).to_parquet(folder / "metadata" / f"metadata_{number}.parquet")
    return folder


def test_a_folder_is_a_table(tmp_path: Path, pictures: list[Path]) -> None:
    folder = _write(tmp_path / "emb", [str(path) for path in pictures])
    table = PairTable.open(folder)
    assert set(table.columns) == {"image", "text"} and len(table) == 5
    assert [table.cell(row, "image") for row in range(5)] == pictures
    assert [table.cell(row, "text") for row in range(5)] == CAPTIONS
    assert table.attribute("width") == [0, 1, 2, 3, 4]
    assert PairTable.open(folder, columns={"text": "caption"}).columns == {"text": "caption"}


def test_its_vectors_are_a_hub(tmp_path: Path, pictures: list[Path]) -> None:
    folder = _write(tmp_path / "emb", [str(path) for path in pictures])
    to_vector_file(folder, tmp_path / "v.parquet", model="someone/clip", licence="mit")
    space = Space(f"precomputed:{tmp_path}/v.parquet")
    assert space.hub.licence == "mit" and set(space.modalities) == {"image", "text"}
    for modality, seed, rows in (("image", 0, range(5)), ("text", 1, (0, 1, 2, 4))):
        sources = [(pictures if modality == "image" else CAPTIONS)[row] for row in rows]
        np.testing.assert_allclose(space.encode(**{modality: sources})[modality], _vectors(seed)[list(rows)], atol=1e-3)
    table = PairTable.open(folder)
    cache = build_hub_cache(space.hub, table, "image", space.spec("image"), tmp_path / "cache")
    np.testing.assert_allclose(cache.vectors_for(cache.rows).numpy(), _vectors(0), atol=1e-3)


def test_keys_of_shards_are_found_in_the_table(tmp_path: Path, pictures: list[Path]) -> None:
    folder = _write(tmp_path / "emb", [path.stem for path in pictures])
    rows = {"id": [path.stem for path in pictures], "image": [str(path) for path in pictures]}
    pd.DataFrame(rows).to_parquet(tmp_path / "table.parquet")
    to_vector_file(folder, tmp_path / "v.parquet", model="m", table=PairTable.open(tmp_path / "table.parquet"))
    found = Space(f"precomputed:{tmp_path}/v.parquet").encode(image=pictures)["image"]
    np.testing.assert_allclose(found, _vectors(0), atol=1e-3)
    with pytest.raises(TableError, match=r"5 of 5 pictures are neither[\s\S]*00000, 00001, 00002"):
        to_vector_file(folder, tmp_path / "w.parquet", model="m")


def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, pictures: list[Path]) -> None:
    names = [str(path) for path in pictures]
    with pytest.raises(TableError, match="no folder of clip-retrieval"):
        to_vector_file(tmp_path, tmp_path / "v.parquet", model="m")
    short = _write(tmp_path / "short", names)
    np.save(short / "img_emb" / "img_emb_1.npy", _vectors(0)[:1])
    with pytest.raises(TableError, match=r"do not fit their metadata[\s\S]*img_emb_1.npy: \(1, 16\), 2 rows"):
        to_vector_file(short, tmp_path / "v.parquet", model="m")
    (short / "img_emb" / "img_emb_1.npy").unlink()
    with pytest.raises(TableError, match="parts are missing"):
        to_vector_file(short, tmp_path / "v.parquet", model="m")


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("img_emb", "metadata"):
        (tmp_path / name).mkdir()
    for number in range(11):
        np.save(tmp_path / "img_emb" / f"img_emb_{number}.npy", np.full((1, 2), number, np.float16))
        pd.DataFrame({"image_path": [str(number)]}).to_parquet(tmp_path / "metadata" / f"metadata_{number}.parquet")
    assert [float(part[0, 0]) for part in load_vectors(tmp_path, "image")] == list(range(11))
    assert PairTable.open(tmp_path).attribute("image_path") == [str(number) for number in range(11)]
    assert list(load_vectors(tmp_path, "text")) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"))


def test_a_spaces_vectors_in_that_layout(world: Path, tmp_path: Path) -> None:
    space, table = untrained_space("audio"), PairTable.open(world)
    rows = [row for row in range(len(table)) if table.present("audio")[row] and table.present("text")[row]]
    count = write_folder(
        space, table, tmp_path / "out", modalities=("image", "text", "audio"), part_size=20, dtype="float32"
    )
    assert count == len(rows) > 40
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*_*")}
    assert {"img_emb/img_emb_0.npy", "audio_emb/audio_emb_1.npy", "metadata/metadata_2.parquet"} <= files
    metadata = pd.concat([pd.read_parquet(path) for path in sorted((tmp_path / "out" / "metadata").iterdir())])
    assert metadata["caption"].tolist() == [table.cell(row, "text") for row in rows]
    assert metadata["image_path"].tolist() == [str(table.cell(row, "image")) for row in rows]
    for name, modality in (("img", "image"), ("text", "text"), ("audio", "audio")):
        parts = sorted((tmp_path / "out" / f"{name}_emb").iterdir())
        found = np.concatenate([np.load(path) for path in parts])
        cells = [table.cell(row, modality) for row in rows]
        np.testing.assert_allclose(found, space.encode(**{modality: cells})[modality], atol=1e-5)


def test_the_command_writes_what_we_read_again(world: Path, tmp_path: Path) -> None:
    space = untrained_space()
    space.save(tmp_path / "space")
    done = CliRunner().invoke(app, ["vectors", str(tmp_path / "space"), str(world), str(tmp_path / "out")])
    assert done.exit_code == 0 and "48 rows" in done.output, done.output
    to_vector_file(tmp_path / "out", tmp_path / "v.parquet", model=space.hub.name)
    again, table = Space(f"precomputed:{tmp_path}/v.parquet"), PairTable.open(tmp_path / "out")
    for modality in ("image", "text"):
        cells = [table.cell(row, modality) for row in range(len(table))]
        expected = space.encode(**{modality: cells})[modality]
        np.testing.assert_allclose(again.encode(**{modality: cells})[modality], expected, atol=1e-3)  # float16


def test_modalities_that_never_meet_are_refused(tmp_path: Path, pictures: list[Path]) -> None:
    pd.DataFrame({"image": [str(pictures[0]), None], "text": [None, "a"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="no row has all modalities"):
        write_folder(untrained_space(), PairTable.open(tmp_path / "t.parquet"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
