"""What validation promises: scores of hub pairs, and a forecast that warns only where the scores look well."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from toys import Toy, ToyHub, toy_samples, toy_table

from binder.config import TrainConfig
from binder.data import PairTable
from binder.hub.cache import build_hub_cache
from binder.hub.targets import cached_targets
from binder.metrics import rank_metrics, shared_score
from binder.registry import create_modality
from binder.run.sides import pair_keys
from binder.towers import build_tower
from binder.train.validation import unshared_warning, validate

READS = {"hit@1": 0.95, "mAP": 0.96}


def _validate(table: PairTable, folder: Path, rows: np.ndarray) -> dict[str, float]:
    cache = build_hub_cache(ToyHub(), table, "text", create_modality("text"), folder, on_error="raise")
    tower = build_tower(Toy(), ToyHub().dim, seed=3)
    keys = pair_keys(table, ["text"], "label")
    samples, targets = toy_samples(table), cached_targets({"text": cache})
    return validate(tower, samples, targets, keys, rows=rows, batch_size=16, workers=0)[0]


def test_scores_are_those_of_the_matrices(tmp_path: Path) -> None:
    table = toy_table(48)
    got = _validate(table, tmp_path, np.arange(48))
    words = [str(table.cell(row, "text")) for row in range(48)]
    distinct = list(dict.fromkeys(words))
    labels = dict(zip(words, table.labels or [], strict=True))
    relevant = np.array([[labels[word] == labels[item] for item in distinct] for word in words])
    hub = ToyHub().embed("text", distinct).numpy()
    tower = build_tower(Toy(), ToyHub().dim, seed=3).eval()
    signals = np.stack([np.asarray(table.cell(row, "toy"), dtype=np.float32) for row in range(48)])
    with torch.inference_mode():
        vectors = tower(torch.from_numpy(signals)).numpy()
    similarity = vectors @ hub.T
    tables = rank_metrics(similarity, relevant, (1, 5)), rank_metrics(similarity.T.copy(), relevant.T, (1, 5))
    there, back = (table.means() for table in tables)
    expected = {name: (there[name] + back[name]) / 2 for name in there}
    expected["shared"] = shared_score(vectors, hub, relevant)
    assert got == pytest.approx({name: expected[name] for name in got}, abs=1e-5)
    assert set(get_args(TrainConfig.model_fields["monitor"].annotation)) - {"hit@10"} <= set(got)  # eight hub items


def test_there_is_no_forecast_where_nothing_can_be_confused(tmp_path: Path) -> None:
    table = toy_table(48)
    scores = _validate(table, tmp_path, np.flatnonzero([label == "0" for label in table.labels or []]))
    assert "shared" not in scores
    assert scores["hit@1"] == 1


@pytest.mark.parametrize(
    ("scores", "warns"),
    [
        (READS | {"shared": 0.2}, True),
        (READS | {"shared": 0.7}, False),  # sound
        ({"hit@1": 0.1, "mAP": 0.2, "shared": 0.2}, False),  # the scores say it themselves
        (READS, False),  # one label: nothing to foresee
        ({}, False),  # no validation
    ],
)
def test_it_warns_only_where_the_retrieval_scores_look_well(scores: dict[str, float], warns: bool) -> None:
    text = unshared_warning("imu", scores, 0.02)
    assert (text is not None) == warns
    if text is not None:
        assert all(part in text for part in ("imu", "0.95", "0.20", "0.02", "loss.temperature"))
