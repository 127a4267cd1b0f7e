"""NYU Depth V2, labelled part (N. Silberman et al., 2012): https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html.

Official layout: `nyu_depth_v2_labeled.mat` (MATLAB 7.3, 2.8 GB) and `splits.mat` of the same authors. The publisher
states neither checksums nor a licence text. Pictures become PNG, depth (`depths`, holes filled by the authors) float32
metres in NPZ. Nine scene types are classes, the other 18 are together "other", as S. Gupta et al., CVPR 2013, have it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import loadmat

from binder.errors import TableError
from prepare.draft import Draft, Row, add_prototypes, straddling

RECORDS = ("nyu-depth-v2-imagebind-v1", "nyu-depth-v2-languagebind-v1", "nyu-depth-v2-pairs-v1")
MISSPELT = {"excercise room": "exercise room"}
OTHER = "other"


def fill(draft: Draft) -> None:
    """Write a row a picture of both official splits."""
    for name in ("image", "depth"):
        (draft.folder / name).mkdir()
    types = {text: label for label, texts in (draft.records[0].classes or {}).items() for text in texts}
    rows: list[Row] = []
    with _open(draft.source / "nyu_depth_v2_labeled.mat") as release:
        split_of = splits(draft.source / "splits.mat", len(release["images"]))
        for index, place, kind in _scenes(release):
            text = kind.replace("_", " ")
            text = MISSPELT.get(text, text)
            if text not in types:
                raise TableError.explain(
                    "unknown scene type", got=f"picture {index + 1}: {kind}", choices=sorted(types)
                )
            name = f"{index + 1:04d}"
            Image.fromarray(np.asarray(release["images"][index]).transpose(2, 1, 0)).save(
                draft.folder / "image" / f"{name}.png"
            )
            metres = np.asarray(release["depths"][index], np.float32).T
            np.savez_compressed(draft.folder / "depth" / f"{name}.npz", depth_m=metres)
            rows.append(_row(name, place, types[text], text, split_of[index]))
    both = straddling(rows, "scene")
    draft.notes.append(f"places in both official splits: {', '.join(both) or 'none'}")
    add_prototypes(rows, draft.records[:2])
    draft.write(rows)


def splits(path: Path, count: int) -> list[str]:
    """The split of every picture, from the authors' numbers, which start at 1.

    Raises:
        TableError: the file is not theirs, or its two halves are not all pictures.
    """
    try:
        parts = loadmat(path)
        numbers = {name: parts[f"{name}Ndxs"].ravel().tolist() for name in ("train", "test")}
    except (OSError, KeyError, ValueError) as error:
        raise TableError.explain(
            "not the official splits", got=f"{path}: {error}", expected="trainNdxs, testNdxs"
        ) from error
    if sorted(numbers["train"] + numbers["test"]) != list(range(1, count + 1)):
        raise TableError.explain(
            "the splits are of other pictures",
            got=f"{len(numbers['train'])} and {len(numbers['test'])} numbers",
            expected=f"each of 1 to {count} once",
        )
    test = set(numbers["test"])
    return ["test" if number in test else "train" for number in range(1, count + 1)]


def _row(name: str, place: str, label: str, text: str, split: str) -> Row:
    plural = "others" if label == OTHER else label  # LanguageBind's name of the tenth class, and its only prompt
    return {
        "id": name,
        "image": f"image/{name}.png",
        "depth": f"depth/{name}.npz",
        "text": text,
        "label": label,
        "text_languagebind": plural,
        "label_languagebind": plural,
        "scene": place,
        "split": split,
    }


def _open(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise TableError.explain(
            "MATLAB 7.3 files need h5py", got=error, fix='pip install "hub-binder[benchmarks]"'
        ) from error
    try:
        release = h5py.File(path, "r")
    except OSError as error:
        raise TableError.explain(
            "not the official release", got=f"{path}: {error}", expected="a MATLAB 7.3 file"
        ) from error
    lacking = [name for name in ("images", "depths", "scenes", "sceneTypes") if name not in release]
    if lacking:
        release.close()
        raise TableError.explain("not the official release", got=f"{path}: no {', '.join(lacking)}")
    return release


def _scenes(release: Any) -> Iterator[tuple[int, str, str]]:
    """Place and scene type of every picture; MATLAB keeps texts as references to arrays of UTF-16 units."""
    for index, references in enumerate(zip(release["scenes"][0], release["sceneTypes"][0], strict=True)):
        place, kind = ("".join(map(chr, np.asarray(release[one]).ravel())) for one in references)
        yield index, place, kind
