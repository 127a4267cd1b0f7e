"""LLVIP (X. Jia et al., 2021): https://bupt-ai-cz.github.io/LLVIP/, for academic use; no checksums are stated.

Official layout: `visible/` and `infrared/`, each with train/ and test/ of equally named JPEGs, and `Annotations/*.xml`
(one "person" box or more a pair), alone or in a folder LLVIP. The camera is the first two digits of a name.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from PIL import Image

from prepare.draft import Draft, Row, add_prototypes, official_folder, straddling

RECORDS = ("llvip-imagebind-v1", "llvip-languagebind-v1", "llvip-pairs-v1")
TRIES = 100  # at a box without a person, before none is drawn
Box = tuple[int, int, int, int]  # left, top, right, bottom, pixels


def fill(draft: Draft) -> None:
    """Write a row a pair, and a row a crop of the test half."""
    root = official_folder(draft.source, "infrared", "LLVIP/infrared").parent
    pairs = [row for split in ("train", "test") for row in _pairs(draft, root, split)]
    both = straddling(pairs, "camera")
    draft.notes.append(f"cameras in both official halves: {', '.join(both) or 'none'}")
    draft.write(pairs)
    (draft.folder / "crops").mkdir()
    crops = [row for pair in pairs if pair["split"] == "test" for row in _crops(draft, root, str(pair["id"]))]
    persons = sum(row["label"] == "person" for row in crops)
    draft.notes.append(f"{persons} crops with a person, {len(crops) - persons} without")
    add_prototypes(crops, draft.records[:2])
    draft.write(crops, "crops.parquet")


def boxes(path: Path) -> list[Box]:
    """The person boxes of an annotation.

    Raises:
        ValueError: not such a file, or an object of another class.
    """
    try:
        objects = ElementTree.parse(path).findall("object")
    except ElementTree.ParseError as error:
        raise ValueError(f"{path.name}: {error}") from error
    found = []
    for one in objects:
        if one.findtext("name") != "person":
            raise ValueError(f"{path.name}: an object {one.findtext('name')!r}, expected person")
        edges = [one.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = (int(float(edge or "nan")) for edge in edges)
        found.append((left, top, right, bottom))
    return found


def background(size: tuple[int, int], box: Box, persons: list[Box], rng: np.random.Generator) -> Box | None:
    """A box of the same size that touches no person; None where none was found in `TRIES`."""
    width, height = box[2] - box[0], box[3] - box[1]
    for _ in range(TRIES):
        left, top = (int(rng.integers(room + 1)) for room in (size[0] - width, size[1] - height))
        drawn = (left, top, left + width, top + height)
        if not any(_touch(drawn, person) for person in persons):
            return drawn
    return None


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _pairs(draft: Draft, root: Path, split: str) -> list[Row]:
    names = {
        kind: {file.name: file for file in (root / kind / split).glob("*.jpg")} for kind in ("visible", "infrared")
    }
    for name in sorted(names["visible"].keys() ^ names["infrared"].keys()):
        draft.leave_out(name, f"{split}: only {'visible' if name in names['visible'] else 'infrared'}")
    return [
        {
            "id": Path(name).stem,
            "image": draft.link(names["visible"][name]),
            "thermal": draft.link(names["infrared"][name]),
            "camera": name[:2],
            "split": split,
        }
        for name in sorted(names["visible"].keys() & names["infrared"].keys())
    ]


def _crops(draft: Draft, root: Path, name: str) -> list[Row]:
    """Every person of a picture, and as many boxes without one."""
    try:
        persons = boxes(root / "Annotations" / f"{name}.xml")
    except (OSError, ValueError) as error:
        draft.leave_out(name, f"no crops: {error}")
        return []
    rng = np.random.default_rng(int.from_bytes(name.encode()))
    rows = []
    with Image.open(root / "infrared" / "test" / f"{name}.jpg") as picture:
        for number, box in enumerate(persons):
            left, top, right, bottom = box
            if not (0 <= left < right <= picture.width and 0 <= top < bottom <= picture.height):
                draft.leave_out(f"{name}_{number}", f"box {box} is not inside {picture.width} x {picture.height}")
                continue
            rows.append(_crop(draft, picture, box, f"{name}_{number}_person", "person"))
            empty = background(picture.size, box, persons, rng)
            if empty is None:
                draft.leave_out(f"{name}_{number}_background", f"no box without a person in {TRIES} tries")
            else:
                rows.append(_crop(draft, picture, empty, f"{name}_{number}_background", "background"))
    return rows


def _crop(draft: Draft, picture: Image.Image, box: Box, name: str, label: str) -> Row:
    picture.crop(box).save(draft.folder / "crops" / f"{name}.png")
    return {
        "id": name,
        "thermal": f"crops/{name}.png",
        # each protocol has its own names of the two classes; ImageBind's further ones are rows of their own
        "label": label,
        "text": "person" if label == "person" else "street",
        "label_languagebind": "people" if label == "person" else label,
        "text_languagebind": "people" if label == "person" else label,
        "camera": name[:2],
        "split": "test",
    }
