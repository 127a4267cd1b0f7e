"""Every preparer, from a miniature of the official layout to a number of its benchmark records."""

import json
import subprocess
import sys
from pathlib import Path

import miniatures
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from untrained_space import untrained_space

from binder.config import DataConfig
from binder.data import PairTable
from binder.errors import ArtifactError, TableError
from binder.evaluate import Report
from binder.evaluate.benchmarks import Templates, benchmark_lines, open_benchmark
from binder.prompts import Prompts
from binder.run.benchmarks import evaluate_benchmark
from binder.storage import read_manifest
from modalities.depth import Depth
from modalities.imu import Imu

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
OPTIONS = {"thermal": {"radiometric": False}}


@pytest.fixture(autouse=True)
def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def prepare(name: str, source: Path, out: Path, **options: bool):
    from prepare import command

    return command.prepare(name, source, out, **options)


def rows_of(out: Path, table: str = "pairs.parquet") -> list[dict]:
    return pq.read_table(out / table).to_pylist()


def number(name: str, out: Path) -> Report:
    """One evaluation by towers that never learned, with the first two of its prompts: 80 take a minute."""
    record = open_benchmark(name)
    if record.templates is not None:
        two = tuple(record.templates.open()[:2])
        short = Templates(texts=two, hash=Prompts.open(two).hash)
        record = record.model_copy(update={"templates": short})
    towers = [modality for modality in record.columns if modality not in ("text", "image")]
    space = untrained_space(*towers, **{modality: OPTIONS.get(modality, {}) for modality in towers})
    report = evaluate_benchmark(space, record, out, bootstrap=100)
    assert benchmark_lines(report.facts["benchmark"])[0].startswith(name)
    return report


def test_every_record_of_binder_has_a_preparer_and_every_preparer_a_table_that_opens(tmp_path: Path) -> None:
    import importlib

    from prepare.command import NAMES

    from binder.evaluate.benchmarks import all_benchmarks

    served = {record: name for name in NAMES for record in importlib.import_module(f"prepare.{name}").RECORDS}
    own = all_benchmarks("hub-binder")
    assert set(served) == {record.id for record in own} and len(own) == 15
    for record in own:
        assert record.prepare.split()[:3] == ["python", "scripts/prepare", served[record.id]]


def test_esc50_keeps_folds_and_recordings_and_asks_for_all_50_classes(tmp_path: Path) -> None:
    source, out = miniatures.esc50(tmp_path / "source"), tmp_path / "out"
    (source / "ESC-50-master/audio/1-100-B-0.wav").write_bytes(b"no sound")
    draft = prepare("esc50", source, out)
    rows = rows_of(out)
    assert [(row["id"], row["text"], row["source"], row["fold"]) for row in rows[:3]] == [
        ("1-100-A-0.wav", "dog", "freesound:100", 1),
        ("2-7-A-21.wav", "sneezing", "freesound:7", 2),
        ("3-9-A-49.wav", "hand saw", "freesound:9", 3),
    ]
    assert len({row["text"] for row in rows}) == 50 and [one["id"] for one in draft.left_out] == ["1-100-B-0.wav"]
    report = number("esc50-imagebind-v1", out)
    cell = report.cell("audio", "text")
    assert (cell.num_queries, cell.num_gallery) == (3, 50)
    assert cell.chance["hit@1"] == pytest.approx(1 / 50)
    assert report.facts["prompts"]["templates"][0] == "a bad photo of a {}."
    facts = report.facts["benchmark"]
    assert (facts["rows"], facts["left_out"]) == ({"expected": 2000, "found": 3}, 1)


def test_clotho_asks_with_every_caption_and_encodes_a_clip_once(tmp_path: Path) -> None:
    source, out = miniatures.clotho(tmp_path / "source"), tmp_path / "out"
    with pytest.raises(TableError, match=r"(?s)not the published file.*1b16b9e57cf7bdb7f13a13802aeb57e2"):
        prepare("clotho", source, out)
    assert not out.exists()
    draft = prepare("clotho", source, out, allow_changed=True)
    assert any("clotho_captions_evaluation.csv is NOT the published file" in note for note in draft.notes)
    assert any("clotho_audio_evaluation.7z is not in SOURCE" in note for note in draft.notes)
    rows = rows_of(out)
    assert sum(row["audio"] is not None for row in rows) == 3
    assert {row["source"] for row in rows} == {"Rain, on a roof.wav", "freesound:41", "freesound:42"}
    report = number("clotho-v1", out)
    assert (report.cell("text", "audio").num_queries, report.cell("text", "audio").num_gallery) == (15, 3)
    assert report.cell("audio", "text").mean_relevant == 5


def test_an_empty_caption_of_clotho_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = miniatures.clotho(tmp_path / "source", empty=True)
    with pytest.raises(TableError, match=r"(?s)empty captions.*crow.wav: number \[3\]"):
        prepare("clotho", source, tmp_path / "out", allow_changed=True)
    assert not list(tmp_path.glob("*out*"))


def test_audiocaps_lists_what_is_gone_and_can_leave_vggsound_out(tmp_path: Path) -> None:
    source, out = miniatures.audiocaps(tmp_path / "source"), tmp_path / "out"
    draft = prepare("audiocaps", source, out)
    (gone,) = draft.left_out
    assert gone["id"] == "gone" and gone["reason"].startswith("no sound file; 5 captions: x 0 | x 1")
    assert "3 of 4 clips are here" in draft.notes
    assert {row["youtube"] for row in rows_of(out)} == {
        f"youtube:{n}" for n in ("aaaaaaaaaaa", "-bbbbbbbbbb", "ccccccccccc")
    }
    assert number("audiocaps-v1", out).cell("text", "audio").num_queries == 15
    report = number("audiocaps-no-vggsound-v1", out)
    assert (report.cell("text", "audio").num_queries, report.cell("text", "audio").num_gallery) == (10, 2)
    assert "1 samples of the official data were left out" in "\n".join(benchmark_lines(report.facts["benchmark"]))


def test_without_the_list_of_vggsound_that_record_has_no_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare("audiocaps", miniatures.audiocaps(tmp_path / "source", vggsound=False), out)
    with pytest.raises(TableError, match="no table of audiocaps-no-vggsound-v1"):
        number("audiocaps-no-vggsound-v1", out)


def test_nyu_has_ten_classes_whose_last_is_the_best_of_18(tmp_path: Path) -> None:
    import h5py

    source, out = miniatures.nyu(tmp_path / "source"), tmp_path / "out"
    draft = prepare("nyu_depth_v2", source, out)
    with h5py.File(source / "nyu_depth_v2_labeled.mat") as file:
        picture, metres = np.asarray(file["images"][2]), np.asarray(file["depths"][2])
    rows = rows_of(out)
    assert (rows[2]["text"], rows[2]["label"], rows[2]["label_languagebind"]) == ("cafe", "other", "others")
    assert rows[3]["text"] == "exercise room" and [row["split"] for row in rows[:6]] == [
        "train",
        *4 * ["test"],
        "train",
    ]
    np.testing.assert_array_equal(np.asarray(Image.open(out / rows[2]["image"])), picture.transpose(2, 1, 0))
    np.testing.assert_array_equal(Depth().load(out / rows[2]["depth"])[0], metres.T)
    assert "places in both official splits: kitchen_0000" in draft.notes
    report = number("nyu-depth-v2-imagebind-v1", out)
    cell = report.cell("depth", "text")
    assert (cell.num_queries, cell.num_gallery, cell.mean_relevant) == (4, 27, (18 + 18 + 1 + 1) / 4)
    assert number("nyu-depth-v2-languagebind-v1", out).cell("depth", "text").num_gallery == 10
    assert number("nyu-depth-v2-pairs-v1", out).cell("image", "depth").mean_relevant == 1


def test_other_splits_than_the_official_ones_are_refused(tmp_path: Path) -> None:
    from prepare.nyu_depth_v2 import splits

    source = miniatures.nyu(tmp_path / "source")
    with pytest.raises(TableError, match="the splits are of other pictures"):
        splits(source / "splits.mat", 7)


def test_the_rotated_bits_of_sun_rgbd_are_turned_back(tmp_path: Path) -> None:
    source, out = miniatures.sun(tmp_path / "source"), tmp_path / "out"
    draft = prepare("sun_rgbd", source, out)
    rows = rows_of(out)
    real = [row for row in rows if row["depth"] is not None]
    assert [row["id"] for row in real] == [
        "realsense/lg/a",
        "kv1/NYUdata/NYU0001",
        "xtion/sun3ddata/hall/seq_1/0001",
        "xtion/sun3ddata/hall/seq_1/0002",
    ]
    mm = np.load(source / "mm1.npy")
    expected = np.minimum(mm, 8000).astype(np.float32) / 1000
    np.testing.assert_array_equal(Depth().load(out / real[2]["depth"])[0], expected)  # any tower reads it, unasked
    assert real[2]["scene"] == real[3]["scene"] == "xtion/sun3ddata/hall/seq_1" and real[2]["text"] == "dining room"
    assert [one["id"] for one in draft.left_out] == ["realsense/lg/lost"]
    assert "1 pictures of other scenes than the 19 are no part of the protocol" in draft.notes
    assert number("sun-rgbd-imagebind-v1", out).cell("depth", "text").num_gallery == 19


def test_llvip_groups_by_camera_and_draws_boxes_without_a_person(tmp_path: Path) -> None:
    source, out = miniatures.llvip(tmp_path / "source"), tmp_path / "out"
    draft = prepare("llvip", source, out)
    assert {row["id"]: row["camera"] for row in rows_of(out)} == {"010001": "01", "190001": "19", "190002": "19"}
    assert {one["id"]: one["reason"][:14] for one in draft.left_out} == {
        "200001.jpg": "test: only vis",
        "190002_0_background": "no box without",  # its person fills the picture
    }
    assert "3 crops with a person, 2 without" in draft.notes
    first = next(row for row in rows_of(out, "crops.parquet") if row["id"] == "190001_0_person")
    with Image.open(source / "LLVIP/infrared/test/190001.jpg") as picture:
        np.testing.assert_array_equal(np.asarray(Image.open(out / first["thermal"])), np.asarray(picture)[10:40, 40:55])
    assert number("llvip-imagebind-v1", out).cell("thermal", "text").num_gallery == 9
    assert number("llvip-languagebind-v1", out).cell("thermal", "text").num_gallery == 2
    assert number("llvip-pairs-v1", out).cell("image", "thermal").num_queries == 2
    prepare("llvip", source, tmp_path / "again")
    assert rows_of(tmp_path / "again", "crops.parquet") == rows_of(out, "crops.parquet")


def test_a_drawn_box_never_touches_a_person(tmp_path: Path) -> None:
    from prepare.llvip import background

    persons, rng = [(10, 10, 20, 40), (40, 0, 60, 48)], np.random.default_rng(0)
    drawn = [background((64, 48), persons[0], persons, rng) for _ in range(200)]
    grid = np.zeros((48, 64), int)
    for left, top, right, bottom in persons:
        grid[top:bottom, left:right] = 1
    assert all(box is not None and grid[box[1] : box[3], box[0] : box[2]].sum() == 0 for box in drawn)
    assert {(box[2] - box[0], box[3] - box[1]) for box in drawn} == {(10, 30)}


def test_windows_of_ego4d_are_even_and_gaps_are_told(tmp_path: Path) -> None:
    source, out = miniatures.ego4d(tmp_path / "source"), tmp_path / "out"
    draft = prepare("ego4d_imu", source, out)
    rows = {row["id"]: row for row in rows_of(out)}
    assert set(rows) == {"v1_0", "v1_5", "v2_0", "class:ego4d-imu:Eating"}
    assert {one["id"]: one["reason"] for one in draft.left_out} == {
        "v2": "1 windows of 5 s: a gap above 50 ms",
        "v3": "2 scenarios: Cooking, Eating",
        "v4": "no file imu/v4.csv",
    }
    assert (rows["v1_0"]["wearer"], rows["v1_0"]["split"], rows["v1_0"]["text"]) == ("wearer:2", "test", "Cooking")
    samples = Imu().load(out / rows["v1_5"]["imu"])
    lines = np.array([line.split(",") for line in miniatures.imu_lines(12)], float)
    grid = 5000 + np.arange(1000) * 5.0
    for channel, column in enumerate((6, 7, 8, 3, 4, 5)):
        np.testing.assert_allclose(
            samples[:, channel], np.interp(grid, lines[:, 2], lines[:, column]), rtol=1e-5, atol=1e-6
        )
    assert number("ego4d-imu-v1", out).cell("imu", "text").num_gallery == 3


@pytest.mark.parametrize(("spoil", "reason"), [(np.nan, "numbers missing"), (None, "not covered by samples")])
def test_a_window_without_all_its_numbers_is_none(spoil: float | None, reason: str) -> None:
    from prepare.ego4d_imu import windows

    time, values = np.arange(0, 10000, 5.0), np.ones((2000, 6))
    if spoil is None:
        time, values = time[:1500], values[:1500]
    else:
        values[1200, 1] = spoil
    first, second = windows(time, values, 10.0)
    assert isinstance(first[1], np.ndarray) and second == (5, reason)


def test_the_sections_written_for_training_are_valid_and_open(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare("llvip", miniatures.llvip(tmp_path / "source"), out)
    files = sorted(out.glob("data.*.yaml"))
    assert [file.name for file in files] == [f"data.llvip-{n}.yaml" for n in ("imagebind", "languagebind", "pairs")]
    for file in files:
        section = DataConfig(**yaml.safe_load(file.read_text()))
        table = PairTable.open(section.table, columns=section.columns, group=section.group, label=section.label)
        assert {row for row in table.splits()} <= {"train", "test"}


def test_nothing_but_an_earlier_table_is_replaced(tmp_path: Path) -> None:
    source = miniatures.esc50(tmp_path / "source")
    with pytest.raises(ArtifactError, match="the folder holds something else"):
        prepare("esc50", source, source)
    prepare("esc50", source, tmp_path / "out")
    prepare("esc50", source, tmp_path / "out")
    assert read_manifest(tmp_path / "out", "pair table", verify=True)["benchmarks"] == [
        "esc50-imagebind-v1",
        "esc50-languagebind-v1",
    ]


@pytest.mark.parametrize("name", ["esc50", "clotho", "audiocaps", "nyu_depth_v2", "sun_rgbd", "llvip", "ego4d_imu"])
def test_a_folder_of_another_layout_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(TableError):
        prepare(name, tmp_path / "source", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_the_command_says_what_was_made_and_what_was_not(tmp_path: Path) -> None:
    source = miniatures.esc50(tmp_path / "source")
    (source / "ESC-50-master/audio/2-7-A-21.wav").unlink()
    command = [sys.executable, str(SCRIPTS / "prepare"), "esc50", str(source), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2-7-A-21.wav: no file 2-7-A-21.wav" in done.stdout and "CC BY-NC 3.0" in done.stdout
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["left_out"] == 1


def test_the_command_tells_an_error_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prepare import command

    monkeypatch.setattr(sys, "argv", ["prepare", "esc50", str(tmp_path), str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="not the official layout"):
        command.main()
