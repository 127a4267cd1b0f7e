"""The playground as a pair table on disk: files of every scene, and `pairs.parquet` beside them.

Called by the demo and by tests; what it writes is an ordinary table to the rest of binder.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from binder.errors import ArtifactError
from binder.playground.files import SUFFIXES, write_scene
from binder.playground.latents import SPLITS, Scene, draw_scenes
from binder.storage import hash_bytes, is_complete, new_artifact, read_manifest

KIND = "pair table"
TABLE = "pairs.parquet"
_CHUNK = 100  # scenes per job: about half a second
Progress = Callable[[int, int], None]


def make_playground(
    folder: Path,
    *,
    seed: int = 0,
    train: int = 4000,
    validation: int = 400,
    test: int = 600,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a world of scenes, or find the same one already written.

    The bytes of every file depend on `seed`, the counts and this package's code, and on nothing else.

    Args:
        folder: becomes the artifact; an older playground there is replaced.
        seed: of the world.
        train: number of training scenes.
        validation: number of scenes to choose checkpoints by.
        test: number of test scenes, of combinations of latents that no other split has.
        workers: processes; more than 1 needs the caller's script to be importable (`if __name__ == "__main__"`).
        progress: called with (scenes done, scenes in all).

    Returns:
        Path of the pair table, `pairs.parquet`.

    Raises:
        ArtifactError: something else stands at `folder`.
    """
    folder = Path(folder)
    counts = {"train": train, "validation": validation, "test": test}
    facts = {"playground": {"seed": seed, **counts, "code": _code_hash()}}
    if _stands(folder, facts):
        return folder / TABLE
    rows = _rows(seed, counts)
    with new_artifact(folder, KIND, facts) as partial:
        for sensor in SUFFIXES:
            (partial / sensor).mkdir()
        files = []
        for part in _write_all(partial, [scene for _, scene in rows], seed, workers):
            files += part
            if progress is not None:
                progress(len(files), len(rows))
        _write_table(partial / TABLE, rows, files)
    return folder / TABLE


def _stands(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether the same playground is there; raise before anything else would be replaced."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    manifest = read_manifest(folder, KIND) if is_complete(folder) else {}
    if "playground" not in manifest:
        raise ArtifactError.explain(
            "the folder holds something else",
            got=folder,
            expected="no folder, an empty one, or an earlier playground",
            fix="name another folder",
        )
    return manifest["playground"] == facts["playground"]


def _code_hash() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hash_bytes(b"".join(path.read_bytes() for path in sources))


def _rows(seed: int, counts: dict[str, int]) -> list[tuple[str, Scene]]:
    """All scenes with their split, in an order that tells nothing."""
    rows = [(split, scene) for split in SPLITS for scene in draw_scenes(seed, split, counts[split])]
    order = np.random.default_rng([seed, len(SPLITS)]).permutation(len(rows))
    return [rows[number] for number in order]


def _write_all(folder: Path, scenes: list[Scene], seed: int, workers: int) -> Iterator[list[dict[str, str]]]:
    jobs = [(folder, scenes[start : start + _CHUNK], seed, start) for start in range(0, len(scenes), _CHUNK)]
    if workers == 1 or len(jobs) <= 2:
        yield from map(_write_chunk, jobs)
        return
    # spawn: a fork would copy the locks of torch's threads
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_write_chunk, jobs)


def _write_chunk(job: tuple[Path, list[Scene], int, int]) -> list[dict[str, str]]:
    folder, scenes, seed, start = job
    return [write_scene(folder, scene, seed, start + number) for number, scene in enumerate(scenes)]


def _write_table(path: Path, rows: list[tuple[str, Scene]], files: list[dict[str, str]]) -> None:
    records = [
        {"id": file["id"], "split": split, "group": f"{scene.object}-{scene.material}-{scene.motion}"}
        | file
        | asdict(scene)
        for (split, scene), file in zip(rows, files, strict=True)
    ]
    assert len({record["id"] for record in records}) == len(records), "two scenes drew the same id"
    pq.write_table(pa.Table.from_pylist(records), path)
