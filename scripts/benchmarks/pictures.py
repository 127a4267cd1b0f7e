"""What (b) and (e) share: JPEG files, their table, and a hub of random weights, for there is no network."""

import json
from pathlib import Path

import numpy as np
from datasets import Dataset
from PIL import Image

from benchmarks.settings import SEED, Settings
from binder.data import PairTable
from binder.hub import Hub, open_hub

WIDTH, HEIGHT = 640, 480  # of the files, as in COCO


def write_pictures(folder: Path, count: int) -> list[str]:
    """JPEG files of smooth noise, which take as long to decode as photographs do."""
    chance = np.random.default_rng(SEED)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path in paths:
        coarse = Image.fromarray(chance.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8))
        coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path, quality=90)
    return [str(path) for path in paths]


def table_of(paths: list[str]) -> PairTable:
    """A table with an image column."""
    return PairTable.from_dataset(Dataset.from_dict({"image": paths}))


def open_random_hub(folder: Path, settings: Settings) -> Hub:
    """An open_clip model; `precision: auto`, as for any hub."""
    write_config(folder, settings)
    return open_hub(f"open_clip:{folder}", random_init=SEED).to(settings.device)


def write_config(folder: Path, settings: Settings) -> None:
    """The architecture, as open_clip reads it from a folder."""
    width, layers, patch = settings.hub
    vision = {"image_size": settings.side, "layers": layers, "width": width, "patch_size": patch}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}  # takes no part
    model = {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model, "preprocess_cfg": {"size": settings.side}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
