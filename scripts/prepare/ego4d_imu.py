"""Ego4D, inertial measurements (K. Grauman et al., 2022): https://ego4d-data.org/docs/data/imu/, licence to be signed.

Official layout: `ego4d.json` and `imu/VIDEO.csv` (also below v1/ or v2/), as `ego4d --datasets imu` downloads them; the
publisher states no checksums. Windows of 5 seconds at 200 Hz, m/s^2 and rad/s, one after the other. Videos of several
scenarios, and windows with gaps or missing numbers, are listed and counted.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from binder.errors import TableError
from binder.storage import hash_bytes
from prepare.draft import Draft, Row, official_folder, prototype

RECORDS = ("ego4d-imu-v1",)
RATE_HZ, SECONDS = 200.0, 5
LONGEST_GAP_MS = 50.0  # ten samples; a longer one would be invented movement
TEST_SHARE = 5  # one wearer in so many
CHANNELS = ("accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z")  # the order of the modality imu
TIME = "canonical_timestamp_ms"


def fill(draft: Draft) -> None:
    """Write a row a window, and a row a scenario that no window has."""
    root = official_folder(draft.source, "imu", "v2/imu", "v1/imu").parent
    rows: list[Row] = []
    scenarios: set[str] = set()
    for video in _videos(root, draft.source):
        name, labels = video["video_uid"], video["scenarios"]
        path = root / "imu" / f"{name}.csv"
        if not path.is_file():
            draft.leave_out(name, f"no file imu/{name}.csv")
            continue
        scenarios |= set(labels)
        if len(labels) != 1:
            draft.leave_out(name, f"{len(labels)} scenarios: {', '.join(labels) or 'none'}")
            continue
        rows += _windows(draft, path, video, labels[0])
    used = {row["label"] for row in rows if row["split"] == "test"}
    (record,) = draft.records
    rows += [prototype(record, label, label) for label in sorted(scenarios - used)]
    draft.notes.append(f"{len(scenarios)} scenarios, where ImageBind has 108")
    draft.write(rows)


def windows(time_ms: np.ndarray, values: np.ndarray, duration_s: float) -> Iterator[tuple[int, np.ndarray | str]]:
    """Start (seconds) of every window of a video, and its samples (time, channel) or why it has none.

    Samples are put on an even grid by linear interpolation.

    Args:
        time_ms: of each sample, sorted.
        values: (time, channel); NaN where nothing was stored.
        duration_s: of the video; what lies outside is no part of it.
    """
    grid = np.arange(int(RATE_HZ * SECONDS)) * 1000 / RATE_HZ
    for start in range(0, int(duration_s) - SECONDS + 1, SECONDS):
        first = max(int(np.searchsorted(time_ms, start * 1000, side="right")) - 1, 0)
        last = int(np.searchsorted(time_ms, start * 1000 + grid[-1], side="left")) + 1
        time, part = time_ms[first:last], values[first:last]
        if (
            not len(time)
            or time[0] > start * 1000 + LONGEST_GAP_MS
            or time[-1] < start * 1000 + grid[-1] - LONGEST_GAP_MS
        ):
            yield start, "not covered by samples"
        elif np.isnan(part).any():
            yield start, "numbers missing"
        elif len(time) < 2 or np.diff(time).max() > LONGEST_GAP_MS:
            yield start, f"a gap above {LONGEST_GAP_MS:g} ms"
        else:
            even = [np.interp(start * 1000 + grid, time, channel) for channel in part.T]
            yield start, np.stack(even, axis=1).astype(np.float32)


def split_of(wearer: str) -> str:
    """The same for a wearer in every release."""
    return "test" if int(hash_bytes(wearer.encode()), 16) % TEST_SHARE == 0 else "train"


def _videos(root: Path, source: Path) -> list[dict[str, Any]]:
    path = next((one for one in (root / "ego4d.json", source / "ego4d.json") if one.is_file()), root / "ego4d.json")
    try:
        videos = json.loads(path.read_text(encoding="utf-8"))["videos"]
        found = [video for video in videos if video.get("has_imu")]
        for video in found:
            video["scenarios"] = list(dict.fromkeys(video["scenarios"]))
            video["duration_sec"] = float(video["duration_sec"])
        return sorted(found, key=lambda video: video["video_uid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError.explain(
            "not the official metadata", got=f"{path}: {type(error).__name__} {error}", expected="ego4d.json"
        ) from error


def _windows(draft: Draft, path: Path, video: dict[str, Any], label: str) -> list[Row]:
    name = video["video_uid"]
    try:
        table = csv.read_csv(path).select([TIME, *CHANNELS])
        columns = [np.asarray(table[column].cast(pa.float64()).to_numpy()) for column in (TIME, *CHANNELS)]
    except (pa.ArrowException, KeyError) as error:
        draft.leave_out(name, f"imu/{name}.csv: {error}")
        return []
    known = ~np.isnan(columns[0])
    order = np.argsort(columns[0][known], kind="stable")
    time, values = columns[0][known][order], np.stack(columns[1:], axis=1)[known][order]
    person = video.get("fb_participant_id")
    wearer = f"video:{name}" if person is None else f"wearer:{person}"
    rows, reasons = [], Counter[str]()
    (draft.folder / "imu" / name).mkdir(parents=True)
    for start, found in windows(time, values, video["duration_sec"]):
        if isinstance(found, str):
            reasons[found] += 1
            continue
        file = f"imu/{name}/{start:06d}.npz"
        np.savez_compressed(draft.folder / file, samples=found, rate_hz=RATE_HZ)
        rows.append(
            {
                "id": f"{name}_{start}",
                "imu": file,
                "text": label,
                "label": label,
                "wearer": wearer,
                "split": split_of(wearer),
            }
        )
    for reason, count in reasons.items():
        draft.leave_out(name, f"{count} windows of {SECONDS} s: {reason}")
    return rows
