"""The UTD-MHAD preparer: units, crop, splits, and clear refusals, on a miniature of the layout."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat

from binder.errors import SampleError, TableError
from binder.storage import is_complete, read_manifest
from modalities.depth import Depth
from modalities.imu import Imu
from modalities.skeleton import Skeleton

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from prepare import utd_mhad

    return utd_mhad


def write_recording(folder, action, subject, trial, *, num_frames=5):
    random = np.random.default_rng(100 * action + 10 * subject + trial)
    name = f"a{action}_s{subject}_t{trial}"
    inertial = random.normal(0, 1, (40, 6)) * [1, 1, 1, 90, 90, 90]
    skeleton = random.uniform(-0.5, 0.5, (20, 3, num_frames)) + np.array([0, 0, 2.5])[None, :, None]
    depth = np.zeros((240, 320, num_frames), np.uint16)
    depth[60:200, 130:190] = 2500
    depth[100:110, 150:160] = 2300
    for kind, short, variable, array in (
        ("Inertial", "inertial", "d_iner", inertial),
        ("Skeleton", "skeleton", "d_skel", skeleton),
        ("Depth", "depth", "d_depth", depth),
    ):
        (folder / kind).mkdir(exist_ok=True)
        savemat(folder / kind / f"{name}_{short}.mat", {variable: array})
    return inertial, skeleton


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for action in (1, 2):
        for subject in (1, 2, 7):
            write_recording(folder, action, subject, 1)
    lines = ["id,name,short"] + [f"{i},action number {i},a{i}" for i in range(1, 28)]
    (folder / "actions.csv").write_text("\n".join(lines) + "\n")
    return folder


def prepare(script, source, out):
    from prepare.command import prepare

    return prepare("utd_mhad", source, out).tables["pairs.parquet"]


def test_the_table_holds_every_recording_in_si_units(script, source, tmp_path):
    inertial, skeleton = write_recording(source, 1, 1, 1)
    out = tmp_path / "out"
    assert prepare(script, source, out) == 6
    assert read_manifest(out, "pair table", verify=True)["rows"] == {"pairs.parquet": 6}
    rows = pq.read_table(out / "pairs.parquet").to_pylist()
    assert [row["id"] for row in rows] == [f"a{a}_s{s}_t1" for a in (1, 2) for s in (1, 2, 7)]
    first = rows[0]
    assert (first["text"], first["action"], first["subject"], first["trial"]) == (*2 * ["action number 1"], "1", 1)
    imu = Imu(rate_hz=50.0).load(out / first["imu"])
    np.testing.assert_allclose(imu[:, :3], inertial[:, :3] * 9.80665, rtol=1e-5)
    np.testing.assert_allclose(imu[:, 3:], inertial[:, 3:] * np.pi / 180, rtol=1e-5)
    np.testing.assert_allclose(Skeleton().load(out / first["skeleton"])[2, 7], skeleton[7, :, 2], rtol=1e-5)
    assert Depth().load(out / first["depth"]).shape == (5, script.DEPTH_SIDE, script.DEPTH_SIDE)


def test_splits_are_by_subject_and_folds_by_action(script, source, tmp_path):
    prepare(script, source, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert {(row["subject"], row["split"], row["tuning_split"]) for row in rows} == {
        ("1", "train", "train"),
        ("7", "train", "validation"),
        ("2", "test", "unused"),
    }
    folds = script.heldout_folds(list(range(1, 28)))
    assert [len(fold) for fold in folds] == [5] * 5 and len(set.union(*folds)) == 25
    for number, fold in enumerate(folds):
        for row in rows:
            held_out, test = int(row["action"].split()[-1]) in fold, row["subject"] == "2"
            expected = {(True, True): "test", (False, False): "train"}.get((held_out, test), "unused")
            assert row[f"heldout_{number}"] == expected


def test_crop_centres_the_body_at_a_fixed_scale(script):
    """A 60 x 140 pixel box at 2.5 m: side and place follow from the pinhole formula."""
    for far in (2000, 2500):
        frames = np.zeros((240, 320, 2), np.uint16)
        frames[50:190, 200:260] = far
        clip = script.crop_body(frames)
        metres_per_pixel = script.WINDOW_M / script.DEPTH_SIDE
        known = clip[0] > 0
        assert set(np.unique(clip)) == {0, far}
        height, width = known.any(1).sum() * metres_per_pixel, known.any(0).sum() * metres_per_pixel
        assert height == pytest.approx(140 * far / 1000 / script.FOCAL_PIXELS, abs=2 * metres_per_pixel)
        assert width == pytest.approx(60 * far / 1000 / script.FOCAL_PIXELS, abs=2 * metres_per_pixel)
        rows, columns = np.nonzero(known)
        middle = (script.DEPTH_SIDE - 1) / 2
        assert abs(rows.mean() - middle) <= 1 and abs(columns.mean() - middle) <= 1


def test_median_of_seen_never_mixes_surfaces(script):
    random = np.random.default_rng(0)
    cells = random.choice(np.array([0, 900, 1500, 2500], np.uint16), (1, 30, 30, 16), p=[0.6, 0.1, 0.1, 0.2])
    result = script._median_of_seen(cells)
    holes = 0
    for row in range(30):
        for column in range(30):
            seen = sorted(value for value in cells[0, row, column].tolist() if value)
            expected = seen[(len(seen) - 1) // 2] if len(seen) >= 4 else 0
            holes += expected == 0
            assert result[0, row, column] == expected
    assert holes > 10


def test_a_missing_file_is_named_and_nothing_is_left(script, source, tmp_path):
    (source / "Depth" / "a2_s7_t1_depth.mat").unlink()
    with pytest.raises(TableError, match=r"(?s)1 file\(s\) missing.*Depth/a2_s7_t1_depth.mat"):
        prepare(script, source, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b"MATLAB"), "not a readable MATLAB file"),
        (lambda path: savemat(path, {"other": np.zeros(3)}), "not a readable MATLAB file"),
        (lambda path: savemat(path, {"d_iner": np.zeros((40, 5))}), "wrong shape"),
        (lambda path: savemat(path, {"d_iner": np.full((40, 6), 400.0)}), "'a1_s2_t1'.*acceleration out of range"),
        (lambda path: savemat(path, {"d_iner": np.full((40, 6), np.nan)}), "'a1_s2_t1'.*NaN"),
    ],
)
def test_a_broken_recording_is_named_and_nothing_is_left(script, source, tmp_path, spoil, message):
    spoil(source / "Inertial" / "a1_s2_t1_inertial.mat")
    with pytest.raises(SampleError, match=f"(?s){message}"):
        prepare(script, source, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_an_old_table_stays_when_the_new_one_fails(script, source, tmp_path):
    prepare(script, source, tmp_path / "out")
    (source / "Inertial" / "a1_s2_t1_inertial.mat").write_bytes(b"MATLAB")
    with pytest.raises(SampleError):
        prepare(script, source, tmp_path / "out")
    assert is_complete(tmp_path / "out")


@pytest.mark.parametrize("content", [None, "number,title\n1,x\n", ""])
def test_action_names_are_needed(script, source, tmp_path, content):
    (source / "actions.csv").unlink()
    if content is not None:
        (source / "actions.csv").write_text(content)
    with pytest.raises(TableError, match=r"no action names|wrong columns"):
        prepare(script, source, tmp_path / "out")


def test_a_folder_of_another_layout_is_refused(script, tmp_path):
    (tmp_path / "actions.csv").write_text("id,name\n1,x\n")
    with pytest.raises(TableError, match="no recordings"):
        prepare(script, tmp_path, tmp_path / "out")


@pytest.mark.shared_data
def test_real_recordings_can_be_prepared(script, shared_data, tmp_path):
    real, some = shared_data / "utd_mhad", tmp_path / "source"
    for kind in ("Inertial", "Skeleton", "Depth"):
        (some / kind).mkdir(parents=True)
        for name in ("a1_s1_t1", "a24_s2_t3"):
            file = f"{name}_{kind.lower()}.mat"
            (some / kind / file).symlink_to(real / kind / file)
    (some / "actions.csv").symlink_to(real / "actions.csv")
    command = [sys.executable, str(SCRIPTS / "prepare"), "utd_mhad", str(some), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pairs.parquet: 2 rows" in done.stdout
    rows = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert [row["text"] for row in rows] == ["right arm swipe to the left", "sit to stand"]
    for row in rows:
        imu = Imu(rate_hz=50.0).load(tmp_path / "out" / row["imu"])
        assert 8 < np.median(np.linalg.norm(imu[:, :3], axis=1)) < 12  # gravity is in it
        depth = Depth(num_frames=32).load(tmp_path / "out" / row["depth"])
        assert len(depth) == 32 and 1.5 < np.median(depth[depth > 0]) < 4.0
