"""SUN RGB-D (S. Song et al., 2015): https://rgbd.cs.princeton.edu; the publisher states no checksums.

Official layout: `SUNRGBD/` (kv1, kv2, realsense, xtion; a folder a picture with image/, depth_bfx/, intrinsics.txt and
scene.txt) and `SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat`. Depth pictures have their 16 bits rotated by three; they
are turned back and written as millimetres, cut at 8 m, as the toolbox reads them (read3dPoints.m).
"""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from scipy.io import loadmat

from binder.errors import TableError
from modalities.depth.read import unrotate
from prepare.draft import Draft, Row, add_prototypes, official_folder

RECORDS = ("sun-rgbd-imagebind-v1",)
FARTHEST_MM = 8000


def fill(draft: Draft) -> None:
    """Write a row a picture of the 19 scenes, of both official halves."""
    root = official_folder(draft.source, "SUNRGBD")
    classes = draft.records[0].classes or {}
    (draft.folder / "depth").mkdir()
    rows: list[Row] = []
    elsewhere = 0
    for place, split in _official(draft.source / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"):
        try:
            label = (root / place / "scene.txt").read_text(encoding="utf-8").strip().replace("_", " ")
            if label not in classes:
                elsewhere += 1
                continue
            image, depth = (_only(root / place / name) for name in ("image", "depth_bfx"))
            file = f"depth/{len(rows):05d}.png"
            Image.fromarray(millimetres(depth)).save(draft.folder / file)
            focal = float((root / place / "intrinsics.txt").read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError, UnidentifiedImageError) as error:
            draft.leave_out(place, f"{type(error).__name__}: {error}")
            continue
        rows.append(
            {
                "id": place,
                "image": draft.link(image),
                "depth": file,
                "text": label,
                "label": label,
                "focal_px": focal,
                "camera": place.split("/")[0],
                "scene": _scene(place),
                "split": split,
            }
        )
    draft.notes.append(f"{elsewhere} pictures of other scenes than the {len(classes)} are no part of the protocol")
    add_prototypes(rows, draft.records)
    draft.write(rows)


def millimetres(path: Path) -> np.ndarray:
    """What a depth picture of the release says, uint16; 0 is a hole.

    Raises:
        ValueError: not 16 bits.
    """
    with Image.open(path) as picture:
        if not picture.mode.startswith("I"):
            raise ValueError(f"{path.name} has mode {picture.mode}, not 16 bits")
        stored = np.asarray(picture).astype(np.uint16)
    return np.minimum(unrotate(stored), FARTHEST_MM).astype(np.uint16)


def _only(folder: Path) -> Path:
    files = sorted(folder.iterdir())
    if len(files) != 1:
        raise ValueError(f"{len(files)} files in {folder.name}, expected one")
    return files[0]


def _official(path: Path) -> list[tuple[str, str]]:
    """Folder below SUNRGBD and split of every picture; the file has paths of the authors' machine."""
    try:
        parts = loadmat(path)
        found = [
            (str(cell.item()), split) for name, split in (("alltrain", "train"), ("alltest", "test"))
            for cell in parts[name].ravel()
        ]  # fmt: skip
    except (OSError, KeyError, ValueError) as error:
        raise TableError.explain(
            "not the official split", got=f"{path}: {error}", expected="alltrain, alltest"
        ) from error
    if not all("SUNRGBD/" in place for place, _ in found):
        raise TableError.explain("not the official split", got=path, expected="paths with SUNRGBD/ in them")
    return [(place.partition("SUNRGBD/")[2].strip("/"), split) for place, split in found]


def _scene(place: str) -> str:
    """SUN3D's folders are frames of a sequence; the other parts do not say what belongs together."""
    return place.rpartition("/")[0] if "/sun3ddata/" in place else place
