"""Every registered modality's samples can be shown: as well-formed HTML that asks for nothing and stays small."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from binder.display import KINDS
from binder.extras import extra_of
from binder.registry import MODALITIES, create_modality
from binder.report.media import LARGEST_FRAGMENT, media_style, render

ROOT = Path(__file__).parents[2]
BUILT_IN = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][MODALITIES])
HOSTILE = "</figure><script>alert('x')</script><img src=x onerror=\"alert('y')\"> & \x00\ud800"
VOID = {"img"}  # elements without an end tag


class Reader(HTMLParser):
    """Reads a fragment strictly: what was opened is closed in order; keeps tags, attributes and text."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(fragment)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [tag] if tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data


def hold_to_promises(fragment: str) -> Reader:
    """Whatever is shown: one figure, no script, no address but its own bytes, words for screen readers, small."""
    assert len(fragment.encode()) <= LARGEST_FRAGMENT
    read = Reader(fragment)
    assert read.tags[0][0] == "figure" and [tag for tag, _ in read.tags].count("figure") == 1
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "object", "style"}
    for tag, attributes in read.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "srcset")]
        assert (attributes.get("src") or "data:").startswith("data:")
        assert tag != "img" or attributes["alt"] is not None
    drawn = [attributes for tag, attributes in read.tags if tag in ("img", "svg", "audio", "div")]
    spoken = [words for attributes in drawn if (words := attributes.get("aria-label") or attributes.get("alt"))]
    assert spoken or read.text.strip(), "nothing for a screen reader"
    return read


@pytest.fixture(params=BUILT_IN)
def modality(request: pytest.FixtureRequest) -> str:
    extra = extra_of(MODALITIES, request.param)
    if extra is not None and extra.missing:
        pytest.skip(f"extra absent: {request.param}")
    return request.param


def test_every_modality_is_shown(modality: str) -> None:
    spec = create_modality(modality)
    display = spec.show(spec.load(spec.synthetic(0)))
    assert isinstance(display, KINDS)
    hold_to_promises(render(display, name=f"{modality} {HOSTILE}"))


def test_these_are_all_modalities() -> None:
    assert len(BUILT_IN) == 9


def _real(folder: Path) -> Iterator[tuple[str, dict, Path]]:
    patterns = {
        "image": ({}, ["*/image*/*.jpg", "*/*.jpg", "*/*.jpeg"]),
        "audio": ({"resample": True}, ["*/*.wav", "*/audio/*.wav", "*/*.flac"]),
        "depth": ({}, ["*/depth/*.png"]),
        "thermal": ({"radiometric": False}, ["*/thermal/*.jpg"]),
        "video": ({}, ["*/video/*.mp4"]),
        "pointcloud": ({}, ["*/pc_*.npy"]),
    }
    for name, (options, globs) in patterns.items():
        yield from ((name, options, path) for glob in globs for path in sorted(folder.glob(glob)))
    yield from (("pointcloud", {"colour": True}, path) for path in sorted(folder.glob("*/*_points.npz")))


@pytest.mark.shared_data
def test_every_real_sample_is_shown(shared_data: Path) -> None:
    shown = [
        (name, len(render(spec.show(spec.load(path)), name=path.name).encode()))
        for name, options, path in _real(shared_data / "assets")
        for spec in [create_modality(name, **options)]
    ]
    counts = {"audio": 12, "depth": 2, "image": 12, "pointcloud": 8, "thermal": 2, "video": 2}
    assert Counter(name for name, _ in shown) == counts
    assert max(size for _, size in shown) <= LARGEST_FRAGMENT


def test_two_hundred_samples_fit_three_megabytes() -> None:
    """The worst of each kind: noise, which no encoder makes small."""
    chance = np.random.default_rng(0)
    noise = {
        "image": chance.integers(0, 256, (300, 400, 3), dtype=np.uint8),
        "audio": chance.uniform(-1, 1, (16_000 * 5, 1)).astype(np.float32),
        "imu": chance.normal(size=(400, 6)).astype(np.float32),
    }
    sizes = [len(render(create_modality(name).show(sample), name=name).encode()) for name, sample in noise.items()]
    assert max(sizes) * 200 + len(media_style().encode()) <= 3_000_000
