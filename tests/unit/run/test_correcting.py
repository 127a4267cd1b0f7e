"""A correction from candidates to the folder of a space and into its vectors and scores; merged, removed, refused."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from untrained_space import untrained, untrained_space

from binder.cli import app
from binder.errors import ArtifactError, ConfigError, RegistryError
from binder.evaluate.corrections import Choice, fit_correction
from binder.playground import make_playground
from binder.publish import store_correction
from binder.run import correcting
from binder.run.correcting import CorrectSettings, correct
from binder.space import Space
from binder.storage import read_manifest

SETTINGS = CorrectSettings(candidates=("centre", "csls", "centre+nnn:k=5"), bootstrap=100)
OPTIONS = {"depth": {"near_m": 1.0, "far_m": 6.0}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "scenes"
    return make_playground(folder, seed=5, train=40, validation=24, test=4, workers=1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "space"
    untrained_space("depth", "thermal", **OPTIONS).save(folder)
    return folder


@pytest.fixture
def space(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "space"))


def vectors_of(space: Space) -> dict[str, np.ndarray]:
    depth = [space.spec("depth").synthetic(seed) for seed in range(3)]
    return space.encode(depth=depth, text=["a red cup", "a blue ball"])


def some_correction(stages: str, modalities=("image", "text", "depth", "thermal"), dim: int = 128):
    rng = np.random.default_rng(0)
    vectors = {name: rng.normal(size=(30, dim)).astype(np.float32) + 0.3 for name in modalities}
    vectors = {name: one / np.linalg.norm(one, axis=1, keepdims=True) for name, one in vectors.items()}
    return fit_correction(stages, vectors, native=("image", "text"))


def test_every_candidate_is_tried_on_hub_pairs_and_relayed_questions(space: Path, table: Path) -> None:
    choice = correct(space, str(table), SETTINGS)
    assert tuple(trial.correction for trial in choice.trials) == SETTINGS.candidates
    hub = [f"{a} -> {b}" for tower in ("depth", "thermal") for a, b in ((tower, "image"), ("image", tower))]
    assert sorted(choice.hub_pairs) == sorted(hub)
    assert "depth -> thermal" in choice.relayed_pairs and "text -> depth" in choice.relayed_pairs
    assert not set(choice.relayed_pairs) & {*hub, "image -> text", "text -> image"}
    loaded = Space.load(space).correction
    assert (loaded.name if loaded else None) == choice.chosen


def test_what_is_chosen_is_stored_with_its_reasons_and_applied(space: Path, table: Path, monkeypatch) -> None:
    raw = vectors_of(Space.load(space))

    chosen, fitted = ["centre+nnn:k=5", None], []

    def choose(candidates, hub_questions, relayed) -> Choice:
        fitted.append({one.name: one.fingerprint for one in candidates})
        return Choice(
            chosen=chosen[len(fitted) - 1], why="told to", metric="mAP", raw_hub=0.0, raw_relayed=None,
            hub_pairs=(), relayed_pairs=(), trials=(),
        )  # fmt: skip

    monkeypatch.setattr(correcting, "choose_correction", choose)
    correct(space, str(table), SETTINGS)
    opened = Space.load(space)
    found, stored = vectors_of(opened), opened.correction
    assert stored is not None and stored.facts["choice"]["why"] == "told to"
    assert stored.facts["fitted_on"]["depth"] == 40 and set(stored.facts["tables"]) == {"train", "validation"}
    for name in raw:
        np.testing.assert_allclose(found[name], stored.vectors(name, raw[name]), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(found[name], axis=1), 1, atol=1e-5)
    scores = opened.scores(text=found["text"], depth=found["depth"])
    np.testing.assert_array_equal(scores, stored.scorer("text", "depth", found["depth"])(found["text"]))
    assert np.abs(scores - opened.similarity(found["text"], found["depth"])).max() > 1e-3
    correct(space, str(table), SETTINGS, dry_run=True)  # raw is chosen, and nothing is stored
    assert Space.load(space).correction.fingerprint == stored.fingerprint
    assert fitted[0] == fitted[1]  # on raw vectors both times: nothing is corrected twice


def test_a_space_saved_again_keeps_its_correction_and_its_fingerprint(space: Path, tmp_path: Path) -> None:
    store_correction(space, some_correction("centre+csls"))
    read_manifest(space, "space", verify=True)
    opened = Space.load(space)
    opened.save(tmp_path / "again")
    again = Space.load(tmp_path / "again")
    assert again.fingerprint == opened.fingerprint != opened.hub.fingerprint  # moved vectors are not the hub's
    np.testing.assert_array_equal(vectors_of(again)["depth"], vectors_of(opened)["depth"])
    assert Space(str(space)).correction.name == "centre+csls"
    store_correction(space, some_correction("nnn"))
    scored = Space.load(space)
    assert scored.correction.name == "nnn" and scored.fingerprint == scored.hub.fingerprint


def test_without_a_correction_scores_are_cosines(space: Path) -> None:
    opened = Space.load(space)
    found = vectors_of(opened)
    np.testing.assert_array_equal(opened.scores(**found), opened.similarity(found["depth"], found["text"]))


def test_removed_it_is_gone_and_the_towers_are_not(space: Path) -> None:
    before = vectors_of(Space.load(space))
    store_correction(space, some_correction("centre"))
    assert CliRunner().invoke(app, ["correct", str(space), "--remove"]).exit_code == 0
    opened = Space.load(space)
    assert opened.correction is None and not (space / "correction").exists()
    np.testing.assert_array_equal(vectors_of(opened)["depth"], before["depth"])
    read_manifest(space, "space", verify=True)


def test_a_merged_space_is_raw_and_says_so(space: Path, tmp_path: Path, caplog) -> None:
    store_correction(space, some_correction("centre"))
    untrained_space("audio").save(tmp_path / "other")
    with caplog.at_level(logging.WARNING):
        merged = Space.load(space, tmp_path / "other")
    assert merged.correction is None and "vectors are raw" in caplog.text


def test_a_tower_does_not_join_a_corrected_space(space: Path) -> None:
    store_correction(space, some_correction("centre"))
    opened = Space.load(space)
    with pytest.raises(RegistryError, match=r"correction was fitted without 'audio'[\s\S]*correction = None"):
        opened.add(untrained(opened.hub, "audio"))
    opened.correction = None
    opened.add(untrained(opened.hub, "audio"))


def test_what_moves_vectors_must_know_every_modality(saved: Path, tmp_path: Path, table: Path, caplog) -> None:
    folder = tmp_path / "space"
    untrained_space("depth", "thermal", "pointcloud", **OPTIONS).save(folder)  # no point clouds in the table
    with caplog.at_level(logging.WARNING):
        choice = correct(folder, str(table), SETTINGS, dry_run=True)
    assert [trial.correction for trial in choice.trials] == ["csls"] and "no training rows of pointcloud" in caplog.text


def test_a_space_needs_a_table_and_a_transductive_correction_no_place(space: Path) -> None:
    with pytest.raises(ConfigError, match="which table"):
        correct(space)
    vectors = {"image": np.eye(3, dtype=np.float32)}
    with pytest.raises(ArtifactError, match="transductive"):
        store_correction(space, fit_correction("csls", vectors, native=("image",), transductive=True))
    assert Space.load(space).correction is None
