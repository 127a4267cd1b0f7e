"""A run on a file of vectors is the run on the hub that made them, from training to the report."""

import json
from pathlib import Path

import numpy as np
import torch
from small_run import small_run

import binder
from binder.config import parse_config
from binder.hub.vector_files import write_vectors
from binder.run import evaluate_run
from binder.space import Space


def test_training_and_evaluation_need_only_the_vectors(scenes: Path, tmp_path: Path) -> None:
    table = binder.PairTable.open(scenes)
    live = Space("playground:clip")
    vectors = {}
    for modality in ("image", "text"):
        cells = {table.content_hashes(modality)[row]: table.cell(row, modality) for row in range(len(table))}
        cells.pop(None, None)
        sources = list(cells.values())
        vectors[modality] = (sources, live.encode(**{modality: sources})[modality])
    write_vectors(tmp_path / "vectors.parquet", vectors, model="playground:clip")

    folders = []
    for name, hub in (("live", "playground:clip"), ("file", f"precomputed:{tmp_path}/vectors.parquet")):
        output = tmp_path / name
        content = small_run(scenes, output, towers=("audio",), hub={"name": hub, "precision": "float32"})
        content["train"]["epochs"] = 1
        binder.train(parse_config(content))
        folders.append(name)
    cells = evaluate_run(tmp_path / "file").cells
    assert {("audio", "text"), ("text", "audio")} <= {(cell.query, cell.gallery) for cell in cells}

    spaces = {name: Space.load(tmp_path / name) for name in folders}
    assert spaces["file"].fingerprint != spaces["live"].fingerprint
    sounds = [cell for row in range(20) if (cell := table.cell(row, "audio")) is not None]
    heard = {name: space.encode(audio=sounds)["audio"] for name, space in spaces.items()}
    # the same targets up to the last bit of a normalisation, so nearly the same tower
    assert np.abs(heard["file"] - heard["live"]).max() < 1e-3
    assert torch.isfinite(torch.from_numpy(heard["file"])).all()
    saved = json.loads((tmp_path / "file" / "space" / "hub.json").read_text())
    assert saved["name"] == f"precomputed:{tmp_path}/vectors.parquet"
