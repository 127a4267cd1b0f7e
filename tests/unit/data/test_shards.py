"""WebDataset shards are a pair table like any other: same rows, same hashes, no copies; broken ones are named."""

import io
import json
import pickle
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pytest
from radar import Radar, write_radar

from binder.config import parse_config
from binder.data import ModalityDataset, PairTable, audit_leaks, read_sample, shards, split_by_group
from binder.errors import SampleError, TableError
from binder.modality import read_bytes


class Packed(Radar):
    """Radar that also reads encoded files, as the built-in modalities do."""

    def read(self, source):
        if isinstance(source, np.ndarray):
            return source
        with np.load(io.BytesIO(read_bytes(source))) as file:
            return file["values"]


SPECS = {"radar": Packed()}
COLUMNS = {"radar": "radar.npz", "text": "txt"}
NUM_ROWS = 10


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "binder-shards"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two shards of five rows beside the same data as files and a JSONL table; row 3 has no text, row 4 no radar."""
    home = tmp_path / "data"
    home.mkdir()
    rows = []
    for row in range(NUM_ROWS):
        write_radar(home / f"{row}.npz", seed=row)
        held = {"radar": f"{row}.npz" if row != 4 else None, "text": f"caption {row}" if row != 3 else None}
        rows.append({"id": f"a/{row:03d}", **held, "group": f"g{row // 2}", "speed": row / 2})
    (home / "table.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    for number in range(2):
        with tarfile.open(home / f"{number:03d}.tar", "w") as archive:
            directory = tarfile.TarInfo("a")
            directory.type = tarfile.DIRTYPE
            archive.addfile(directory)
            _add(archive, "a/.hidden", b"")
            for row in range(5 * number, 5 * number + 5):
                if row != 4:
                    _add(archive, f"a/{row:03d}.radar.npz", (home / f"{row}.npz").read_bytes())
                if row != 3:
                    _add(archive, f"a/{row:03d}.txt", f"caption {row}".encode())
                _add(archive, f"a/{row:03d}.cls", f"{row % 3}\n".encode())
                _add(archive, f"a/{row:03d}.json", json.dumps({"group": f"g{row // 2}", "speed": row / 2}).encode())
    return home


def _open(source, **options) -> PairTable:
    return PairTable.open(source, columns=COLUMNS, specs=SPECS, **options)


def test_shards_hold_what_the_files_hold(folder):
    table, files = _open(folder / "{000..001}.tar"), PairTable.open(folder / "table.jsonl", specs=SPECS)
    assert (table.ids, table.groups) == (files.ids, files.groups) and len(table) == NUM_ROWS
    assert table.attribute("speed") == files.attribute("speed")
    assert table.attribute("cls") == [str(row % 3) for row in range(NUM_ROWS)]
    for modality in ("radar", "text"):
        assert table.content_hashes(modality) == files.content_hashes(modality)
        assert table.present(modality).tolist() == files.present(modality).tolist()
    for row in (9, 0, 5):  # random access
        assert np.array_equal(read_sample(table, row, Packed()), Radar().synthetic(row))
    with pytest.raises(SampleError, match="row 'a/004', modality 'radar': nothing in this row"):
        read_sample(table, 4, Packed())


@pytest.mark.parametrize("source", ["{000..001}.tar", "*.tar", "0?0.tar", "", "000.tar"])
def test_one_shard_a_folder_and_patterns(folder, source):
    path = folder / source if source else folder
    expected = 5 if source in ("000.tar", "0?0.tar") else NUM_ROWS
    assert len(_open(path)) == expected
    assert _open(path, label="cls").labels[:3] == ["0", "1", "2"]


def test_ranges_expand_with_zeros_and_combine():
    assert list(shards._expand("s{08..11}.tar")) == ["s08.tar", "s09.tar", "s10.tar", "s11.tar"]
    assert list(shards._expand("{0..1}/{3..4}.tar")) == ["0/3.tar", "0/4.tar", "1/3.tar", "1/4.tar"]
    assert list(shards._expand("plain.tar")) == ["plain.tar"]


def test_splits_selections_workers_and_leaks_work_as_on_any_table(folder):
    table = _open(folder)
    parts = split_by_group(table, {"train": 0.6, "test": 0.4}, seed=0)
    assert sorted(parts["train"].ids + parts["test"].ids) == table.ids and audit_leaks(parts) == []
    part = pickle.loads(pickle.dumps(table.select([7, 2])))
    assert torch_equal(ModalityDataset(part, Packed())[0][1], Radar().synthetic(7)[:4])
    assert len(pickle.dumps(table)) < 50_000  # the index goes to workers by its path


def torch_equal(tensor, array) -> bool:
    return np.array_equal(tensor.numpy(), array)


def test_the_index_is_written_once_and_anew_when_a_shard_changes(folder, cache, monkeypatch):
    before = sorted(folder.iterdir())
    _open(folder)
    indices = {path for path in cache.iterdir() if path.is_dir()}
    assert len(indices) == 1 and sorted(folder.iterdir()) == before  # nothing is left beside the shards
    with monkeypatch.context() as patch:
        patch.setattr(shards, "_index", lambda paths: pytest.fail("indexed twice"))
        assert _open(folder).cell(9, "text") == "caption 9"
    with tarfile.open(folder / "001.tar", "w") as archive:
        _add(archive, "new.txt", b"another")
        _add(archive, "new.json", b'{"group": "g9"}')
        _add(archive, "new.radar.npz", (folder / "1.npz").read_bytes())
    assert _open(folder).ids[-1] == "new" and len({path for path in cache.iterdir() if path.is_dir()}) == 2


def test_a_shard_that_changed_under_an_open_table_is_a_sample_error(folder):
    table = _open(folder)
    whole = (folder / "001.tar").read_bytes()
    (folder / "001.tar").write_bytes(whole[:2000])
    with pytest.raises(SampleError, match="row 'a/009', modality 'radar': shard changed since it was indexed"):
        read_sample(table, 9, Packed())
    (folder / "001.tar").unlink()
    with pytest.raises(SampleError, match="cannot open the shard"):
        read_sample(table, 9, Packed())
    assert table.content_hashes("radar")[9] is None


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _damage(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place : place + 512] = b"x" * 512
    path.write_bytes(content)


def _headers(path: Path) -> list[int]:
    with tarfile.open(path) as archive:
        return [member.offset for member in archive]


def test_cut_and_damaged_shards_are_refused_wherever_the_fault_lies(folder):
    path = folder / "001.tar"
    whole, headers = path.read_bytes(), _headers(path)
    with tarfile.open(path) as archive:
        archive.getmembers()
        end = archive.offset
    for size in (0, 100, headers[5], headers[5] + 100, headers[5] + 512, headers[-1] + 600, end, end + 100):
        _cut(path, size)
        with pytest.raises(TableError, match=r"(not a readable|damaged) shard[\s\S]*001\.tar"):
            _open(folder)
        path.write_bytes(whole)
    for place in (headers[0], headers[7], headers[-1]):
        _damage(path, place)
        with pytest.raises(TableError, match=r"(not a readable|damaged) shard[\s\S]*001\.tar"):
            _open(folder)
        path.write_bytes(whole)
    assert len(_open(folder)) == NUM_ROWS


REFUSED = [
    ([("a.txt", b"x"), ("a.txt", b"y")], r"one column twice for a key[\s\S]*'txt' of 'a'"),
    ([("a.txt", b"x"), ("README", b"y")], r"a member without a column[\s\S]*'README'"),
    ([("a.txt", b"\xff")], r"cannot read a \.txt"),
    ([("a.json", b"{")], r"cannot read a \.json"),
    ([("a.json", b"[1]")], r"a \.json that is no object"),
    ([("a.json", b'{"txt": "x"}'), ("a.txt", b"y")], "one column twice for a key"),
    ([("a.json", b'{"n": 1}'), ("b.json", b'{"n": "x"}')], "field 'n' mixes types"),
    ([], "empty table|no column"),
]


@pytest.mark.parametrize("members,says", REFUSED)
def test_bad_members_are_refused_with_shard_and_name(tmp_path, members, says):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, content in members:
            _add(archive, name, content)
    with pytest.raises(TableError, match=says):
        PairTable.open(tmp_path / "x.tar", columns={"text": "txt"})


def test_a_key_in_two_shards_is_an_id_twice(folder):
    (folder / "002.tar").write_bytes((folder / "001.tar").read_bytes())
    with pytest.raises(TableError, match=r"ids are not unique[\s\S]*a/005"):
        _open(folder)


def test_other_types_in_another_shard_and_compressed_or_missing_shards_are_refused(folder):
    with tarfile.open(folder / "002.tar", "w") as archive:
        _add(archive, "z.json", b'{"speed": "fast"}')
    with pytest.raises(TableError, match="a field has other types in other shards"):
        _open(folder)
    with tarfile.open(folder / "002.tar", "w:gz") as archive:
        _add(archive, "z.txt", b"x")
    with pytest.raises(TableError, match=r"not a readable shard[\s\S]*unpack a \.tar\.gz"):
        _open(folder)
    with pytest.raises(TableError, match=r"shards are missing[\s\S]*1 of 4"):
        _open(folder / "{000..003}.tar")
    with pytest.raises(TableError, match=r"shards are missing[\s\S]*no file fits"):
        _open(folder / "x*.tar")


def test_an_id_field_does_not_hide_the_key(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        _add(archive, "k.json", b'{"id": 7}')
        _add(archive, "k.txt", b"words")
    table = PairTable.open(tmp_path / "x.tar", columns={"text": "txt"})
    assert table.ids == ["k"] and table.attribute("json.id") == [7]


def test_a_run_keeps_the_absolute_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {
        "name": "n",
        "output": "out",
        "hub": {"name": "toy:0"},
        "data": {"table": "s/{00..09}.tar"},
        "towers": {"audio": {"hub_modality": "image"}},
    }
    assert parse_config(content).resolved().data.table == str(tmp_path.resolve() / "s" / "{00..09}.tar")
