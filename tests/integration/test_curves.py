"""A learning curve of the small run: four nested parts, resumed, not trained twice."""

import json

import pytest
from small_run import small_run

from binder.config import parse_config
from binder.errors import TrainingError
from binder.run import curves
from binder.run.curves import learning_curve, needed_in_words
from binder.run.tables import open_splits, tower_specs

FRACTIONS = (0.25, 0.5, 0.75, 1.0)


@pytest.mark.slow
def test_parts_are_trained_once_and_make_a_curve(scenes, tmp_path, monkeypatch: pytest.MonkeyPatch):
    config = parse_config(small_run(scenes, tmp_path / "curve", evaluate={"bootstrap": 100}, train={"epochs": 1}))
    trained, train = [], curves.train

    def counted(part, **options):
        trained.append(part.data.train_fraction)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return train(part, **options)

    monkeypatch.setattr(curves, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        learning_curve(config, FRACTIONS)
    found = learning_curve(config, FRACTIONS, goal=0.9)
    assert trained == [0.25, 0.5, 0.75, 0.75, 1.0]
    assert found.headline == "emergent, tower to tower" and set(found.cells) == {"audio -> depth", "depth -> audio"}
    assert list(found.curve.sizes) == sorted(found.curve.sizes) and len(set(found.curve.sizes)) == 4
    assert found.curve.scores == pytest.approx([one.value for one in found.scores])
    assert [one.num_pairs for one in found.forecasts] == [2 * found.curve.largest, 4 * found.curve.largest]
    assert "0.9" in needed_in_words(found.needed)
    stored = json.loads((config.output / "curve.json").read_text())
    assert stored["curve"]["sizes"] == list(found.curve.sizes)
    assert learning_curve(config, FRACTIONS, goal=0.9) == found and len(trained) == 5
    other = config.model_copy(update={"seed": 7})
    with pytest.raises(TrainingError, match="finished part has other settings"):
        learning_curve(other, FRACTIONS)


def test_parts_are_nested_and_only_of_the_training_rows(scenes, tmp_path):
    config = parse_config(small_run(scenes, tmp_path))
    parts = [config.data.model_copy(update={"train_fraction": share}) for share in (0.3, 0.6, 1.0)]
    cuts = [open_splits(part, seed=0, specs=tower_specs(config)) for part in parts]
    train = [set(cut["train"].ids) for cut in cuts]
    assert train[0] < train[1] < train[2]
    assert [len(one) / len(train[2]) for one in train] == pytest.approx([0.3, 0.6, 1.0], abs=0.02)
    assert cuts[0]["test"].ids == cuts[2]["test"].ids
