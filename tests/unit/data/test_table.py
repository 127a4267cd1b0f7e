"""A pair table holds what its source holds, in every format, and refuses what it cannot hold."""

import json
import pickle
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Array2D, Dataset, DatasetDict, Features, Image, Value
from radar import Radar, write_radar

from binder.data import PairTable, read_sample, sources
from binder.errors import SampleError, TableError
from binder.storage import hash_bytes, hash_file

SPECS = {"radar": Radar()}
ROWS = {
    "id": ["007", "8", "9"],
    "text": ["a dog", None, "NA"],
    "radar": ["a.npz", "b.npz", None],
    "group": ["01", "1", "1"],
    "label": ["x", "y", "x"],
    "speed": [1.5, 2.0, None],
}


@pytest.fixture(autouse=True)
def quiet():
    """`datasets` draws bars while tests save tables."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_radar(tmp_path / "a.npz", seed=0)
    write_radar(tmp_path / "b.npz", seed=1)
    return tmp_path


def _csv(folder: Path) -> Path:
    lines = ["id,text,radar,group,label,speed", "007,a dog,a.npz,01,x,1.5", "8,,b.npz,1,y,2.0", "9,NA,,1,x,"]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def _jsonl(folder: Path) -> Path:
    rows = [{name: values[row] for name, values in ROWS.items()} for row in range(3)]
    (folder / "t.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    return folder / "t.jsonl"


def _json(folder: Path) -> Path:
    rows = [{name: values[row] for name, values in ROWS.items() if values[row] is not None} for row in range(3)]
    (folder / "t.json").write_text(json.dumps(rows, indent=1))
    return folder / "t.json"


def _parquet(folder: Path) -> Path:
    Dataset.from_dict(ROWS).to_parquet(str(folder / "t.parquet"))
    return folder / "t.parquet"


def _saved(folder: Path) -> Path:
    Dataset.from_dict(ROWS).save_to_disk(str(folder / "saved"))
    for name in ("a.npz", "b.npz"):
        (folder / name).rename(folder / "saved" / name)
    return folder / "saved"


FORMATS = [_csv, _jsonl, _json, _parquet, _saved]


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_table(folder, write):
    table = PairTable.open(write(folder), specs=SPECS)
    assert table.columns == {"text": "text", "radar": "radar"}
    assert (table.ids, table.groups, table.labels) == (ROWS["id"], ROWS["group"], ROWS["label"])
    assert table.has_groups and len(table) == 3
    assert [table.cell(row, "text") for row in range(3)] == ROWS["text"]  # "NA" is a word, an empty cell is nothing
    assert table.present("radar").tolist() == [True, True, False]
    assert np.array_equal(read_sample(table, 1, Radar()), Radar().synthetic(1))
    assert table.attribute("speed") == ROWS["speed"]
    assert set(table.attribute_names) == set(ROWS)


def test_the_fingerprint_is_of_the_content_not_of_the_format(folder):
    tables = [PairTable.open(write(folder), specs=SPECS) for write in FORMATS]
    assert len(tables) == 5
    assert len({table.fingerprint for table in tables[:4]}) == 1
    known = tables[0].fingerprint
    write_radar(folder / "saved" / "b.npz", seed=5)
    assert PairTable.open(folder / "saved", specs=SPECS).fingerprint != known


def test_opening_leaves_no_file_behind_and_the_users_progress_bars_on(folder, monkeypatch):
    paths = [write(folder) for write in FORMATS]
    before = sorted(folder.rglob("*"))
    datasets.enable_progress_bars()
    for path in paths:
        PairTable.open(path, specs=SPECS)
    assert sorted(folder.rglob("*")) == before
    assert not datasets.are_progress_bars_disabled()


def test_a_large_parquet_goes_through_the_memory_mapped_cache(folder, tmp_path, monkeypatch):
    path = _parquet(folder)
    expected = PairTable.open(path, specs=SPECS).fingerprint
    monkeypatch.setattr(sources, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    table = PairTable.open(path, specs=SPECS)
    assert table.fingerprint == expected
    assert any((tmp_path / "cache").rglob("*.arrow"))


def test_content_hashes_are_of_bytes_text_and_arrays(folder):
    table = PairTable.open(_csv(folder), specs=SPECS)
    assert table.content_hashes("text") == [hash_bytes(b"a dog"), None, hash_bytes(b"NA")]
    assert table.content_hashes("radar") == [hash_file(folder / "a.npz"), hash_file(folder / "b.npz"), None]
    (folder / "b.npz").unlink()
    assert PairTable.open(folder / "t.csv", specs=SPECS).content_hashes("radar")[1] is None
    zeros = {"a": (2, 6), "b": (3, 4), "c": (2, 6)}
    hashes = [
        PairTable.from_dataset(
            Dataset.from_dict(
                {"radar": [np.zeros(shape)]},
                features=Features({"radar": Array2D(shape, "float32" if name == "c" else "float64")}),
            ),
            specs=SPECS,
        ).content_hashes("radar")[0]
        for name, shape in zeros.items()
    ]
    assert len(set(hashes)) == 3  # same bytes or same values, but another shape or dtype


def test_array_cells_keep_their_dtype(folder):
    sample = Radar().synthetic(3)
    fixed = Features({"radar": Array2D((6, 2), "float32")})
    for dataset in (Dataset.from_dict({"radar": [sample] * 2}), Dataset.from_dict({"radar": [sample] * 2}, fixed)):
        cell = PairTable.from_dataset(dataset, specs=SPECS).cell(1, "radar")
        assert cell.dtype == np.float32 and np.array_equal(cell, sample)


@pytest.mark.parametrize(
    "cell,says", [([[1.0, 2.0], [3.0]], "ragged array"), ([[1.0, None]], "array with holes"), ([None], "with holes")]
)
def test_a_broken_array_cell_is_a_sample_error_and_has_no_hash(cell, says):
    table = PairTable.from_dataset(Dataset.from_dict({"radar": [[[0.0, 0.0]], cell]}), specs=SPECS)
    with pytest.raises(SampleError, match=f"row '1', modality 'radar': .*{says}"):
        read_sample(table, 1, Radar())
    assert table.content_hashes("radar")[1] is None and table.content_hashes("radar")[0] is not None


def test_a_shuffled_dataset_is_read_in_its_own_order(folder):
    dataset = PairTable.open(_csv(folder), specs=SPECS)._dataset
    table = PairTable.from_dataset(dataset.select([2, 0, 1]), specs=SPECS, root=folder)
    assert table.ids == ["9", "007", "8"] and table.present("radar").tolist() == [False, True, True]
    assert table.attribute("speed") == [None, 1.5, 2.0] and table.cell(1, "text") == "a dog"
    assert table.select([1]).content_hashes("radar") == [hash_file(folder / "a.npz")]
    assert PairTable.from_dataset(dataset.shuffle(seed=1).shard(2, 0), specs=SPECS).attribute("text")


def test_image_cells_come_as_bytes_or_path_undecoded(tmp_path):
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    import PIL.Image

    PIL.Image.fromarray(pixels).save(tmp_path / "x.png")
    cells = [{"bytes": (tmp_path / "x.png").read_bytes(), "path": None}, {"bytes": None, "path": "x.png"}, None]
    dataset = Dataset.from_dict({"image": cells}, features=Features({"image": Image()}))
    table = PairTable.from_dataset(dataset, root=tmp_path)
    assert isinstance(table.cell(0, "image"), bytes) and table.cell(1, "image") == tmp_path / "x.png"
    assert table.present("image").tolist() == [True, True, False]
    hashes = table.content_hashes("image")
    assert hashes[0] == hashes[1] == hash_file(tmp_path / "x.png") and hashes[2] is None


def test_selections_share_hashes_and_keep_ids(folder, monkeypatch):
    table = PairTable.open(_csv(folder), specs=SPECS)
    hashes = table.content_hashes("radar")
    monkeypatch.setattr("binder.data.table.content_hash", lambda source: pytest.fail("hashed twice"))
    part = table.select([2, 0]).select(np.array([1, 0]))
    assert part.ids == ["007", "9"] and part.labels == ["x", "x"] and part.groups == ["01", "1"]
    assert part.content_hashes("radar") == [hashes[0], hashes[2]]
    assert part.cell(0, "radar") == folder / "a.npz" and part.present("text").tolist() == [True, True]
    assert len(table.select([])) == 0
    for rows in ([3], [-1], [True, False, True], np.array([0.5]), np.array([[0]])):
        with pytest.raises(TableError, match="not row numbers"):
            table.select(rows)


def test_tables_pickle_for_loader_workers(folder):
    table = PairTable.open(_csv(folder), specs=SPECS).select([1])
    again = pickle.loads(pickle.dumps(table))
    assert again.fingerprint == table.fingerprint and again.cell(0, "radar") == table.cell(0, "radar")


def test_without_id_and_group_rows_are_numbered_and_alone():
    table = PairTable.from_dataset(Dataset.from_dict({"text": ["a", "b"]}))
    assert table.ids == ["0", "1"] and table.groups == table.ids and not table.has_groups and table.labels is None


def test_mapped_columns_and_root(folder, tmp_path):
    _csv(folder)
    (tmp_path / "elsewhere").mkdir()
    lines = (folder / "t.csv").read_text().replace("radar", "sensor").replace("id,", "name,")
    (tmp_path / "elsewhere" / "t.csv").write_text(lines)
    table = PairTable.open(
        tmp_path / "elsewhere" / "t.csv",
        columns={"radar": "sensor"},
        id="name",
        group="label",
        label="group",
        root=folder,
        specs=SPECS,
    )
    assert table.ids == ROWS["id"] and table.groups == ROWS["label"] and table.labels == ["01", "1", "1"]
    assert table.cell(0, "radar") == folder / "a.npz"
    with pytest.raises(TableError, match=r"the table has no text[\s\S]*choices:  radar"):
        table.cell(0, "text")


def test_a_path_too_long_for_the_file_system_is_a_missing_file(tmp_path):
    table = PairTable.open(_write(tmp_path, f"id,radar\na,{'x' * 5000}\n"), specs=SPECS)
    assert table.content_hashes("radar") == [None] and table.present("radar").all()
    with pytest.raises(SampleError, match="row 'a', modality 'radar': cannot open the file"):
        read_sample(table, 0, Radar())


def _write(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


REFUSED = [
    ("t.csv", "id,text\n", {}, "empty table"),
    ("t.csv", "", {}, "cannot read this .csv table"),
    ("t.csv", "id,text\na,b,c\n", {}, "cannot read this .csv table"),
    ("t.csv", "id,text,text\na,b,c\n", {}, r"a column name twice[\s\S]*t\.csv: text"),
    ("t.jsonl", '{"text": "a"}\n{"text": \n', {}, r"not JSON[\s\S]*line 2"),
    ("t.jsonl", '{"text": "a"}\n{"text": 3}\n', {}, "column 'text' mixes types"),
    ("t.json", "[1, 2]", {}, "a row that is not an object"),
    ("t.parquet", "nothing of the kind", {}, "cannot read this .parquet table"),
    ("t.xlsx", "x", {}, r"unknown kind of table[\s\S]*\.csv"),
    ("t.csv", "id,text\na,b\na,c\nb,d\n", {}, r"ids are not unique[\s\S]*\['a'\]"),
    ("t.csv", "id,text\na,b\n,c\n", {}, r"column 'id' has empty cells[\s\S]*\[1\]"),
    ("t.csv", "id,text,group\na,b,\nb,c,g\n", {}, "column 'group' has empty cells"),
    ("t.csv", "id,text,label\na,b,\nb,c,g\n", {}, "column 'label' has empty cells"),
    ("t.csv", "id,caption\na,b\n", {}, r"no column is named like a modality[\s\S]*choices:.*text"),
    ("t.csv", "id,text\na,b\n", {"columns": {"text": "caption"}}, r"no column for text[\s\S]*choices:  id, text"),
    ("t.csv", "id,text\na,b\n", {"columns": {"sonar": "text"}}, r"unknown modality[\s\S]*choices:.*text"),
    ("t.csv", "id,text\na,b\n", {"group": "subject"}, r"no group column[\s\S]*choices:  id, text"),
    ("t.csv", "id,text\na,b\n", {"label": "action"}, "no label column"),
    ("t.csv", "id,text\na,b\n", {"id": "name"}, "no id column"),
    ("t.jsonl", '{"text": 3}', {}, r"column 'text' cannot hold text[\s\S]*int64"),
    ("t.jsonl", '{"image": 3.5}', {}, r"column 'image' cannot hold image[\s\S]*double"),
    ("t.jsonl", '{"text": ["a", "b"]}', {}, "column 'text' cannot hold text"),
]


@pytest.mark.parametrize("name,text,options,says", REFUSED)
def test_bad_tables_are_refused_with_the_reason(tmp_path, name, text, options, says):
    with pytest.raises(TableError, match=says):
        PairTable.open(_write(tmp_path, text, name), **options)


def test_missing_sources_are_refused(tmp_path, monkeypatch):
    for source in (tmp_path / "nope.csv", tmp_path / "nope", "nope"):
        with pytest.raises(TableError, match="no such table"):
            PairTable.open(source)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: (_ for _ in ()).throw(ConnectionError("no network")))
    with pytest.raises(TableError, match=r"neither a file or folder here nor a dataset on the hub[\s\S]*no network"):
        PairTable.open("someone/pairs")


def test_a_hub_dataset_is_loaded_by_name_and_its_splits_become_a_column(monkeypatch):
    parts = {name: Dataset.from_dict({"text": [f"{name} {row}" for row in range(2)]}) for name in ("train", "test")}
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda name: asked.append(name) or DatasetDict(parts))
    splits = PairTable.open("someone/pairs").splits()
    assert asked == ["someone/pairs"] and list(splits) == ["train", "test"]
    assert [splits["test"].cell(row, "text") for row in range(2)] == ["test 0", "test 1"]
    assert splits["test"].ids == ["2", "3"]


def test_a_saved_dataset_of_splits(tmp_path):
    part = Dataset.from_dict({"text": ["a"]}, features=Features({"text": Value("string")}))
    DatasetDict({"train": part, "test": part}).save_to_disk(str(tmp_path / "saved"))
    assert {name: len(table) for name, table in PairTable.open(tmp_path / "saved").splits().items()} == {
        "train": 1,
        "test": 1,
    }


def test_splits_by_a_column_need_a_value_in_every_row():
    table = PairTable.from_dataset(Dataset.from_dict({"text": ["a", "b"], "split": ["train", None]}))
    with pytest.raises(TableError, match=r"rows without a split[\s\S]*\['1'\]"):
        table.splits()
    with pytest.raises(TableError, match=r"no such column[\s\S]*choices:  text, split"):
        table.splits("fold")
