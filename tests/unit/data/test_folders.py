"""A folder of per-modality subfolders is a table whose ids are the file stems."""

import numpy as np
import pytest
from radar import Radar, write_radar

from binder.data import PairTable, read_sample
from binder.errors import TableError

SPECS = {"radar": Radar()}


@pytest.fixture
def root(tmp_path):
    for name in ("radar", "text", ".hidden", "notes"):
        (tmp_path / name).mkdir()
    write_radar(tmp_path / "radar" / "s2.npz", seed=2)
    write_radar(tmp_path / "radar" / "s1.npz", seed=1)
    (tmp_path / "text" / "s1.txt").write_text("naïve", encoding="utf-8")
    (tmp_path / "text" / "s3.txt").write_text("three")
    (tmp_path / "radar" / ".DS_Store").touch()
    return tmp_path


def test_stems_are_ids_and_a_missing_file_is_a_missing_modality(root):
    table = PairTable.open(root, specs=SPECS)
    assert table.ids == ["s1", "s2", "s3"] and set(table.columns) == {"radar", "text"}
    assert [table.cell(row, "text") for row in range(3)] == ["naïve", None, "three"]
    assert table.present("radar").tolist() == [True, True, False]
    assert np.array_equal(read_sample(table, 1, Radar()), Radar().synthetic(2))


def test_metadata_adds_columns_by_id_in_any_order(root):
    (root / "metadata.csv").write_text("id,group,label,split\ns3,g,x,b\ns1,g,y,a\ns2,h,x,a\n")
    table = PairTable.open(root, specs=SPECS)
    assert table.groups == ["g", "h", "g"] and table.labels == ["y", "x", "x"]
    assert {name: part.ids for name, part in table.splits().items()} == {"a": ["s1", "s2"], "b": ["s3"]}


def test_metadata_may_hold_a_modality_itself(root):
    (root / "metadata.csv").write_text("id,caption\ns2,two\ns1,one\n")
    table = PairTable.open(root, columns={"radar": "radar", "text": "caption"}, specs=SPECS)
    assert table.ids == ["s1", "s2"]
    assert [table.cell(row, "text") for row in range(2)] == ["one", "two"]


@pytest.mark.parametrize("rows", ["s1,g\ns2,g\n", "s1,g\ns2,g\ns3,g\ns4,g\n", "s1,g\ns1,g\ns2,g\ns3,g\n"])
def test_metadata_must_list_exactly_the_ids_of_the_files(root, rows):
    (root / "metadata.csv").write_text("id,group\n" + rows)
    with pytest.raises(TableError, match=r"metadata.csv and the files disagree"):
        PairTable.open(root, specs=SPECS)


def test_folders_that_cannot_be_a_table_are_refused(root, tmp_path):
    write_radar(root / "radar" / "s1.other.npz", seed=1)
    (root / "radar" / "s1.other.npz").rename(root / "radar" / "s1.dat")
    with pytest.raises(TableError, match=r"two files for one id[\s\S]*s1.dat"):
        PairTable.open(root, specs=SPECS)
    (root / "radar" / "s1.dat").unlink()
    (root / "text" / "s3.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match="not UTF-8 text"):
        PairTable.open(root, specs=SPECS)
    with pytest.raises(TableError, match="no table in this folder"):
        PairTable.open(root / "notes", specs=SPECS)
    (root / "notes" / "pictures").mkdir()
    with pytest.raises(TableError, match=r"no column is named like a modality[\s\S]*pictures[\s\S]*choices:.*radar"):
        PairTable.open(root / "notes", specs=SPECS)
    (root / "notes" / "text").mkdir()
    with pytest.raises(TableError, match="no files"):
        PairTable.open(root / "notes", specs=SPECS)
