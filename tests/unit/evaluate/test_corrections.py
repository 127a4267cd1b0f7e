"""Every registered stage: its formula by loops, tiled = whole, saved = loaded, where nothing is wrong nothing moves."""

import math
from pathlib import Path

import numpy as np
import pytest
from evaluate_parts import unit

from binder.errors import ArtifactError, ConfigError, MetricError
from binder.evaluate.corrections import (
    Correction,
    ScoreStage,
    VectorStage,
    fit_correction,
    pair_scores,
    parse_stages,
    register_stage,
    stage_classes,
)
from binder.evaluate.corrections import correction as correction_module
from binder.evaluate.corrections import penalty as penalty_module

STAGES = ("centre", "csls", "dual-softmax", "hub-profile", "inverted-softmax", "nnn", "qb-norm", "whiten")
WITH_OTHER_SETTINGS = (*STAGES, "csls:k=3", "nnn:alpha=0.5,k=4", "inverted-softmax:beta=7.0", "qb-norm:k=2")
SCORE = [name for name in WITH_OTHER_SETTINGS if not name.startswith(("centre", "whiten"))]


def training(num=40, dim=6, seed=0) -> dict[str, np.ndarray]:
    """Three modalities, each with an offset of its own."""
    rng = np.random.default_rng(seed)
    offsets = {"audio": 0.4, "depth": -0.3, "image": 0.2}
    return {name: unit(rng.normal(size=(num, dim)) + offset) for name, offset in offsets.items()}


def sides(num=9, dim=6, seed=1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(num, dim)) + 0.4), unit(rng.normal(size=(num + 2, dim)) - 0.3)


def fit(stages: str, **options) -> Correction:
    return fit_correction(stages, training(), native=("image",), **options)


def corrected(correction: Correction, query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    vectors = {"audio": correction.vectors("audio", query), "depth": correction.vectors("depth", gallery)}
    return pair_scores(correction, vectors)


def dot(a, b) -> float:
    return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def mean_of_largest(values, k) -> float:
    largest = sorted(values, reverse=True)[:k]
    return math.fsum(largest) / len(largest)


def inverted(q, g, bank, beta) -> float:
    """log(exp(beta s) / mean over the bank) / beta."""
    others = [math.exp(beta * dot(b, g)) for b in bank]
    return math.log(math.exp(beta * dot(q, g)) / (math.fsum(others) / len(others))) / beta


def profile(x, hub, tau) -> list[float]:
    weights = [math.exp(dot(x, b) / tau) for b in hub]
    return [weight / math.fsum(weights) for weight in weights]


def by_loops(name: str, q, i: int, g, j: int, queries, gallery, banks, *, k=10, alpha=0.75, beta=20.0) -> float:
    """The published formula of one score."""
    if name == "csls":
        near_q = mean_of_largest([dot(q, b) for b in banks["depth"]], k)
        return 2 * dot(q, g) - near_q - mean_of_largest([dot(b, g) for b in banks["audio"]], k)
    if name == "nnn":
        return dot(q, g) - alpha * mean_of_largest([dot(b, g) for b in banks["audio"]], k)
    if name == "inverted-softmax":
        return inverted(q, g, banks["audio"], beta)
    if name == "qb-norm":
        hit = {
            place
            for b in banks["audio"]
            for place in sorted(range(len(gallery)), key=lambda place: -dot(b, gallery[place]))[:k]
        }
        first = max(range(len(gallery)), key=lambda place: dot(q, gallery[place]))
        return inverted(q, g, banks["audio"], beta) if first in hit else dot(q, g)
    if name == "dual-softmax":
        over_gallery = [math.exp(beta * dot(q, other)) for other in gallery]
        row = math.exp(beta * dot(q, g)) / (math.fsum(over_gallery) / len(over_gallery))
        return math.log(row) / beta + inverted(q, g, banks["audio"], beta)
    assert name == "hub-profile"
    pair = zip(profile(q, banks["image"], 0.1), profile(g, banks["image"], 0.1), strict=True)
    return math.fsum(math.sqrt(a * b) for a, b in pair)


SETTINGS = {
    "csls": {"k": 10}, "csls:k=3": {"k": 3}, "nnn": {"k": 128}, "nnn:alpha=0.5,k=4": {"alpha": 0.5, "k": 4},
    "inverted-softmax": {}, "inverted-softmax:beta=7.0": {"beta": 7.0}, "qb-norm": {"k": 1}, "qb-norm:k=2": {"k": 2},
    "dual-softmax": {}, "hub-profile": {},
}  # fmt: skip


def test_the_tests_below_know_every_stage():
    assert tuple(stage_classes()) == STAGES
    assert set(SETTINGS) == set(SCORE)
    assert sum(issubclass(cls, ScoreStage) for cls in stage_classes().values()) == 6
    assert sum(issubclass(cls, VectorStage) for cls in stage_classes().values()) == 2


@pytest.mark.parametrize("stages", SCORE)
@pytest.mark.parametrize("first", ["", "centre+"])
def test_a_score_is_the_published_formula(stages, first):
    query, gallery = sides()
    correction = fit(first + stages)
    found = corrected(correction, query, gallery)
    before = fit("centre") if first else None
    move = before.vectors if before else lambda _, vectors: vectors
    banks = {name: move(name, vectors) for name, vectors in training().items()}
    query, gallery = move("audio", query), move("depth", gallery)
    name = stages.split(":")[0]
    loops = [
        [by_loops(name, q, i, g, j, query, gallery, banks, **SETTINGS[stages]) for j, g in enumerate(gallery)]
        for i, q in enumerate(query)
    ]
    np.testing.assert_allclose(found, loops, atol=2e-5)  # float32 exponentials of up to 20


def test_the_dynamic_softmax_leaves_some_queries_raw_and_corrects_others():
    rng = np.random.default_rng(0)
    gallery = unit(np.eye(6))
    queries = unit(np.eye(6) + 0.2 * rng.normal(size=(6, 6)))
    bank = unit(np.eye(6)[[0, 0, 0, 1]] + 0.1 * rng.normal(size=(4, 6)))  # finds items 0 and 1 only
    correction = fit_correction("qb-norm", {"audio": bank, "depth": gallery, "image": gallery}, native=("image",))
    changed = np.abs(corrected(correction, queries, gallery) - queries @ gallery.T).max(axis=1) > 1e-3
    assert changed.tolist() == [True, True, False, False, False, False]


def test_centring_subtracts_the_training_mean_and_returns_to_unit_norm():
    query, _ = sides()
    mean = training()["audio"].mean(axis=0)
    expected = [(row - mean) / math.sqrt(dot(row - mean, row - mean)) for row in query]
    np.testing.assert_allclose(fit("centre").vectors("audio", query), expected, atol=1e-6)
    zero = fit("centre").vectors("audio", mean[None])
    assert not zero.any()  # no direction left: a tie with everything, not NaN


def test_whitening_makes_the_hubs_training_vectors_a_sphere_and_is_one_matrix_for_all():
    rng = np.random.default_rng(0)
    stretched = unit(rng.normal(size=(4000, 5)) * [3, 1, 1, 1, 0.5] + 0.2)
    vectors = {"image": stretched, "audio": unit(rng.normal(size=(50, 5)))}
    (maps,) = fit_correction("whiten", vectors, native=("image",)).maps
    moved = (stretched - stretched.mean(axis=0)) @ maps["image"].matrix.T
    np.testing.assert_allclose(np.cov(moved.T), np.eye(5), atol=0.05)  # shrinkage of 4000 samples
    assert maps["audio"].matrix is maps["image"].matrix
    np.testing.assert_allclose(maps["audio"].mean, vectors["audio"].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("stages", STAGES)
def test_where_there_is_nothing_to_correct_the_order_stays(stages):
    """Means of zero, a round covariance, and every item equally near to the bank."""
    cross = np.concatenate([np.eye(5), -np.eye(5)]).astype(np.float32)
    names = ("audio", "depth", "image")
    correction = fit_correction(stages, dict.fromkeys(names, cross), native=("image",))
    scores = corrected(correction, cross, cross)
    for own, raw in zip(scores.round(4), cross @ cross.T, strict=True):
        for left in range(10):
            for right in range(10):
                assert np.sign(own[left] - own[right]) == np.sign(raw[left] - raw[right])


@pytest.mark.parametrize("stages", WITH_OTHER_SETTINGS)
def test_fitted_twice_is_the_same_and_saved_is_loaded(stages, tmp_path: Path):
    query, gallery = sides()
    one = fit(f"centre+{stages}" if "centre" not in stages else stages)
    other = fit(one.name)
    one.explained(why="a test").save(tmp_path / "correction")
    loaded = Correction.load(tmp_path / "correction")
    assert one.fingerprint == other.fingerprint == loaded.fingerprint and one.name == loaded.name
    assert loaded.facts["why"] == "a test" and loaded.modalities == ("audio", "depth", "image")
    for again in (other, loaded):
        np.testing.assert_array_equal(corrected(one, query, gallery), corrected(again, query, gallery))


@pytest.mark.parametrize("stages", SCORE)
def test_blocks_of_queries_and_of_the_bank_give_the_scores_of_the_whole(stages, monkeypatch):
    query, gallery = sides()
    correction = fit(stages)
    whole = corrected(correction, query, gallery)
    monkeypatch.setattr(penalty_module, "rows_per_block", lambda columns: 4)
    score = correction.scorer("audio", "depth", gallery)
    tiled = np.concatenate([score(query[start : start + 2]) for start in range(0, len(query), 2)])
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_the_bank_is_met_once_per_gallery(monkeypatch):
    query, gallery = sides()
    met = []
    whole = penalty_module.blocks
    monkeypatch.setattr(penalty_module, "blocks", lambda rows, columns: met.append(1) or whole(rows, columns))
    score = fit("nnn").scorer("audio", "depth", gallery)
    assert len(met) == 1
    for start in range(0, len(query), 2):
        score(query[start : start + 2])
    assert len(met) == 1


def test_what_is_fitted_on_the_test_says_so_and_is_not_stored(tmp_path: Path):
    correction = fit("centre+dual-softmax", transductive=True)
    assert correction.name == "centre+dual-softmax (transductive)"
    with pytest.raises(ArtifactError, match="transductive correction is not stored"):
        correction.save(tmp_path / "correction")
    assert not (tmp_path / "correction").exists()
    assert fit("centre+dual-softmax").fingerprint != correction.fingerprint


def test_large_banks_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(correction_module, "MOST_BANK", 10)
    banks = fit("nnn").banks
    assert {len(bank) for bank in banks.values()} == {10}
    np.testing.assert_array_equal(banks["audio"][[0, -1]], training()["audio"][[0, -1]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("centering", "unknown correction"), ("", "unknown correction"), ("nnn+centre", "one score stage or none"),
        ("nnn+csls", "one score stage or none"), ("nnn:k=0", "k: "), ("nnn:beta=1", "no such key, choices: alpha, k"),
        ("csls:k=many", "k: "),
    ],
)  # fmt: skip
def test_a_misspelt_correction_is_explained(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_stages(text)


def test_text_and_stages_are_the_same_thing():
    for text in ("centre+nnn:alpha=0.5,k=10", "whiten", "csls:k=3", "centre+whiten+qb-norm"):
        assert "+".join(map(str, parse_stages(text))) == text


def test_a_modality_that_was_not_there_is_explained():
    vectors, _ = sides()
    with pytest.raises(MetricError, match="fitted without text"):
        fit("centre").vectors("text", vectors)
    with pytest.raises(MetricError, match="fitted without text"):
        pair_scores(fit("csls"), {"text": vectors, "audio": vectors})
    with pytest.raises(MetricError, match="two modalities"):
        pair_scores(fit("csls"), {"audio": vectors})
    with pytest.raises(MetricError, match="a modality of the hub"):
        fit_correction("centre", training(), native=("text",))
    with pytest.raises(MetricError, match="two or more"):
        fit_correction("centre", {**training(), "audio": vectors[:1]}, native=("image",))
    with pytest.raises(MetricError, match="not of unit norm"):
        fit_correction("centre", {**training(), "audio": 2 * vectors}, native=("image",))


def test_a_name_has_one_stage():
    with pytest.raises(ConfigError, match="two stages of one name"):

        @register_stage
        class Other(VectorStage):
            name = "centre"

            def fit(self, training, native):
                return {}

    assert tuple(stage_classes()) == STAGES


def test_a_changed_file_is_refused(tmp_path: Path):
    fit("nnn").save(tmp_path / "correction")
    facts = tmp_path / "correction" / "correction.json"
    facts.write_text(facts.read_text().replace('"nnn"', '"hub"'))
    with pytest.raises((ArtifactError, ConfigError)):
        Correction.load(tmp_path / "correction")
