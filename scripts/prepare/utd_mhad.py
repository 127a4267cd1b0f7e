"""UTD-MHAD (C. Chen et al., 2015): https://personal.utdallas.edu/~kehtar/UTD-MHAD.html, for research, no licence text.

Layout: `Inertial/`, `Skeleton/`, `Depth/` (one MATLAB file per recording, named
`a{action}_s{subject}_t{trial}_{kind}.mat`; the publisher states no checksums) and `actions.csv` (id, name). What is
written is one small file per recording and sensor, in SI units.

Columns: id, imu, depth, skeleton (paths), text (the action's name), action, subject, trial,
and splits (train | validation | test | unused):
`split` is the usual cross-subject protocol; `tuning_split` keeps subject 7 out of training for choosing
settings, never the test subjects; `heldout_0` .. `heldout_4` each keep five actions out of training.
"""

import csv
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from binder.errors import SampleError, TableError
from modalities.depth import Depth
from modalities.imu import Imu
from modalities.skeleton import Skeleton
from prepare.draft import Draft

RECORDS = ("utd-mhad-v1",)
RATE_HZ = 50.0  # nominal rate of the inertial sensor (authors' page)
STANDARD_GRAVITY = 9.80665  # m/s^2 per g
FOCAL_PIXELS = 285.0  # Kinect v1 depth camera at 320 x 240, fitted to joints and silhouettes
WINDOW_M = 2.1  # side of the square kept around the body; beyond it lie under 0.1 % of the pixels of UTD-MHAD
DEPTH_SIDE, DEPTH_FRAMES = 48, 32  # of the clips that are kept: 4.4 cm a pixel, about 15 frames/s
TRAIN_SUBJECTS, TUNING_SUBJECT = (1, 3, 5, 7), 7
NUM_FOLDS, ACTIONS_PER_FOLD, FOLD_SEED = 5, 5, 0

KINDS = {"Inertial": ("inertial", "d_iner"), "Skeleton": ("skeleton", "d_skel"), "Depth": ("depth", "d_depth")}
NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_(\w+)\.mat")


@dataclass(frozen=True, order=True)
class Recording:
    """One performance: action, subject and trial number, as in its file names."""

    action: int
    subject: int
    trial: int

    @property
    def id(self) -> str:
        """The name that its files share."""
        return f"a{self.action}_s{self.subject}_t{self.trial}"


def fill(draft: Draft) -> None:
    """Write a row a recording.

    Raises:
        TableError: the source is not in the layout, or a recording lacks one of its files.
        SampleError: a recording cannot be read or breaks a modality's contract.
    """
    names = read_action_names(draft.source / "actions.csv")
    recordings = find_recordings(draft.source, names)
    for name in ("imu", "skeleton", "depth"):
        (draft.folder / name).mkdir()
    convert_one = partial(convert, draft.source, draft.folder)
    if draft.processes == 1:
        for recording in recordings:
            convert_one(recording)
    else:
        # spawn, because a fork would copy the locks of pyarrow's threads
        with ProcessPoolExecutor(draft.processes, mp_context=get_context("spawn")) as pool:
            list(pool.map(convert_one, recordings, chunksize=8))
    draft.write(table_rows(recordings, names))


def read_action_names(path: Path) -> dict[int, str]:
    """Read captions by action number from the columns `id` and `name` of `path`."""
    if not path.is_file():
        raise TableError.explain("no action names", got=path, expected="actions.csv with the columns id, name")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"id", "name"} <= rows[0].keys():
        raise TableError.explain(
            "wrong columns", got=f"{path}: {', '.join(rows[0]) if rows else 'no rows'}", expected="id, name"
        )
    return {int(row["id"]): row["name"] for row in rows}


def find_recordings(source: Path, names: dict[int, str]) -> list[Recording]:
    """All recordings of `source`, sorted, each with its three files and a known action."""
    found = {folder: set(_scan(source / folder, kind)) for folder, (kind, _) in KINDS.items()}
    recordings = set.union(*found.values())
    missing = [
        f"{folder}/{r.id}_{KINDS[folder][0]}.mat" for folder in KINDS for r in sorted(recordings - found[folder])
    ]
    if missing:
        raise TableError.explain(
            f"{len(missing)} file(s) missing",
            got=", ".join(missing[:5]) + (" ..." if len(missing) > 5 else ""),
            expected="three files for every recording",
            fix="copy them, or remove the recording from the other folders",
        )
    unnamed = sorted({r.action for r in recordings} - names.keys())
    if unnamed:
        raise TableError.explain("actions without a name", got=unnamed, fix="add them to actions.csv")
    return sorted(recordings)


def _scan(folder: Path, kind: str) -> Iterable[Recording]:
    names = [match for file in sorted(folder.glob("*.mat")) if (match := NAME.fullmatch(file.name))]
    if not names:
        raise TableError.explain(
            "no recordings", got=folder, expected=f"files named a1_s1_t1_{kind}.mat", fix="check SOURCE"
        )
    return [Recording(*(int(match[i]) for i in (1, 2, 3))) for match in names if match[4] == kind]


def convert(source: Path, out: Path, recording: Recording) -> None:
    """Write one recording's three files and load each through its modality, which checks it."""
    imu, skeleton, depth = (out / name for name in _paths(recording).values())
    samples = _load(source, "Inertial", recording, lambda x: x.ndim == 2 and x.shape[1] == 6)
    np.savez_compressed(imu, samples=inertial_to_si(samples), rate_hz=RATE_HZ)
    joints = _load(source, "Skeleton", recording, lambda x: x.ndim == 3 and x.shape[:2] == (20, 3))
    np.save(skeleton, joints.transpose(2, 0, 1).astype(np.float32))
    frames = _load(source, "Depth", recording, lambda x: x.ndim == 3)
    np.savez_compressed(depth, depth_mm=crop_body(frames))
    for spec, path in ((Imu(rate_hz=RATE_HZ), imu), (Skeleton(), skeleton), (Depth(), depth)):
        try:
            spec.load(path)
        except SampleError as error:
            raise SampleError(f"recording {recording.id!r}: {error}") from error


def _load(source: Path, folder: str, recording: Recording, right: Callable[[np.ndarray], bool]) -> np.ndarray:
    kind, variable = KINDS[folder]
    path = source / folder / f"{recording.id}_{kind}.mat"
    try:
        array = loadmat(path, variable_names=[variable])[variable]
    except (MatReadError, ValueError, TypeError, KeyError, OSError) as error:
        raise SampleError.explain(
            "not a readable MATLAB file",
            got=f"{path}: {type(error).__name__}: {error}",
            expected=f"variable {variable}",
        ) from error
    if not right(array):
        raise SampleError.explain("wrong shape", got=f"{path}: {array.shape}", expected=f"the layout of {variable}")
    return array


def inertial_to_si(samples: np.ndarray) -> np.ndarray:
    """Turn (time, 6) in g and degrees/s into m/s^2 and rad/s, float32."""
    return np.concatenate([samples[:, :3] * STANDARD_GRAVITY, np.deg2rad(samples[:, 3:])], axis=1).astype(np.float32)


def crop_body(frames: np.ndarray) -> np.ndarray:
    """Keep a square of WINDOW_M around the body, as (frame, side, side) uint16 mm with holes 0.

    The window has one place and one scale for the whole clip, so that movement stays movement: its
    centre is the median body pixel and its side is WINDOW_M at the body's median distance.
    """
    kept = np.linspace(0, frames.shape[2] - 1, min(DEPTH_FRAMES, frames.shape[2])).round().astype(int)
    clip = frames.transpose(2, 0, 1)[kept]
    _, rows, columns = np.nonzero(clip)
    if rows.size == 0:
        raise SampleError.explain("no body in any frame", got="all pixels are 0", expected="distances in mm")
    half = WINDOW_M / 2 * FOCAL_PIXELS / (np.median(clip[clip > 0]) / 1000)
    # 4 x 4 source positions for each pixel kept; the nearest source pixel is read at each
    offsets = np.linspace(-half, half, 4 * DEPTH_SIDE, endpoint=False) + half / (4 * DEPTH_SIDE)
    window = _take(_take(clip, np.median(rows) + offsets, axis=1), np.median(columns) + offsets, axis=2)
    cells = (
        window.reshape(-1, DEPTH_SIDE, 4, DEPTH_SIDE, 4)
        .transpose(0, 1, 3, 2, 4)
        .reshape(-1, DEPTH_SIDE, DEPTH_SIDE, 16)
    )
    return _median_of_seen(cells)


def _take(clip: np.ndarray, positions: np.ndarray, *, axis: int) -> np.ndarray:
    """Read at rounded `positions`; outside the picture nothing was seen, so it is a hole."""
    index = np.round(positions).astype(int)
    inside = (index >= 0) & (index < clip.shape[axis])
    taken = np.take(clip, index.clip(0, clip.shape[axis] - 1), axis=axis)
    shape = [1] * clip.ndim
    shape[axis] = -1
    return np.where(inside.reshape(shape), taken, 0)


def _median_of_seen(cells: np.ndarray) -> np.ndarray:
    """Lower median of the values that are not holes; a hole where fewer than a quarter are seen.

    A mean would invent surfaces between an arm and the chest behind it.
    """
    seen = (cells > 0).sum(-1)
    ordered = np.sort(np.where(cells > 0, cells, np.iinfo(np.uint16).max), axis=-1)
    median = np.take_along_axis(ordered, (np.maximum(seen, 1) - 1)[..., None] // 2, axis=-1)[..., 0]
    return np.where(seen * 4 >= cells.shape[-1], median, 0).astype(np.uint16)


def _paths(recording: Recording) -> dict[str, str]:
    return {
        "imu": f"imu/{recording.id}.npz",
        "skeleton": f"skeleton/{recording.id}.npy",
        "depth": f"depth/{recording.id}.npz",
    }


def table_rows(recordings: list[Recording], names: dict[int, str]) -> list[dict[str, str | int]]:
    """One row a recording: paths, caption, label, group and the splits of the module's docstring."""
    folds = heldout_folds(sorted(names))
    return [
        {
            "id": recording.id,
            **_paths(recording),
            "text": names[recording.action],
            "action": names[recording.action],
            "subject": str(recording.subject),
            "trial": recording.trial,
            "split": "train" if recording.subject in TRAIN_SUBJECTS else "test",
            "tuning_split": _tuning_split(recording.subject),
            **{f"heldout_{i}": _heldout_split(recording, fold) for i, fold in enumerate(folds)},
        }
        for recording in recordings
    ]


def heldout_folds(actions: list[int]) -> list[set[int]]:
    """Disjoint sets of actions, drawn once with a fixed seed."""
    drawn = np.random.default_rng(FOLD_SEED).permutation(actions)
    return [{int(a) for a in drawn[i * ACTIONS_PER_FOLD : (i + 1) * ACTIONS_PER_FOLD]} for i in range(NUM_FOLDS)]


def _tuning_split(subject: int) -> str:
    if subject not in TRAIN_SUBJECTS:
        return "unused"
    return "validation" if subject == TUNING_SUBJECT else "train"


def _heldout_split(recording: Recording, fold: set[int]) -> str:
    if recording.subject in TRAIN_SUBJECTS:
        return "unused" if recording.action in fold else "train"
    return "test" if recording.action in fold else "unused"
