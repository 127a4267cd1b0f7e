from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from evaluate_parts import encode, make_rows, unit
from pydantic import TypeAdapter

from binder.errors import MetricError
from binder.evaluate.protocols.labelled import Prototypes, label_items
from binder.evaluate.protocols.linear_probe import LinearProbe, linear_probe
from binder.evaluate.protocols.shots import COSTS, draw_shots, predict
from binder.evaluate.protocols.zero_shot import top_1

CLASSES = ("cat", "dog", "owl")
CENTRES = np.random.default_rng(0).normal(size=(3, 8))


def items(part, num=60, *, noise=1.0, per_group=4, twin_noise=None, **options):
    """Labelled items around three centres; the twin's noise says how much it knew before training."""
    rng = np.random.default_rng(sum(map(ord, part)))
    truth = np.arange(num) % 3
    vectors = CENTRES[truth] + noise * rng.normal(size=(num, 8))
    untrained = None if twin_noise is None else CENTRES[truth] + twin_noise * rng.normal(size=(num, 8))
    encoded = encode("imu", vectors, content=[f"{part}{i}" for i in range(num)], untrained=untrained)
    rows = make_rows(num, groups=[f"{part}{i // per_group}" for i in range(num)], kind=[CLASSES[k] for k in truth])
    return label_items(encoded, rows, "kind", **options)


def test_shots_are_balanced_nested_seeded_and_of_as_many_groups_as_there_are():
    train = items("a")
    draws = {k: draw_shots(train, k, seed=3) for k in (1, 2, 4, 8)}
    for k, chosen in draws.items():
        assert Counter(train.numbers()[chosen].tolist()) == {0: k, 1: k, 2: k}
        assert len(set(chosen.tolist())) == 3 * k
    assert all(set(draws[k]) < set(draws[2 * k]) for k in (1, 2, 4))
    assert (draw_shots(train, 8, seed=3) == draws[8]).all() and not (draw_shots(train, 8, seed=4) == draws[8]).all()
    cats = draws[8][:8]
    assert len({train.groups[i] for i in cats}) == 8  # 60 rows in 15 groups; without care about 6 of them


def test_more_shots_are_better_and_beat_a_twin_that_knew_nothing():
    probe = linear_probe(
        items("a", twin_noise=99.0), items("t", 90, twin_noise=99.0), shots=(1, 4, 16), num_bootstrap=100
    )
    first, _, last = probe.tower
    assert first.metrics["top-1"].value + 0.1 < last.metrics["top-1"].value
    assert last.over_untrained.low > 0.2
    assert last.over_untrained.value == pytest.approx(
        last.metrics["top-1"].value - probe.untrained[-1].metrics["top-1"].value
    )
    assert probe.untrained[-1].metrics["macro"].value == pytest.approx(1 / 3, abs=0.12)
    assert last.metrics["macro"].value == pytest.approx(last.metrics["top-1"].value)  # 30 items of each class
    assert set(last.costs) <= set(COSTS) and first.costs == (10.0,) * 5
    assert last.metrics["top-1"].low < last.metrics["top-1"].value < last.metrics["top-1"].high
    assert TypeAdapter(LinearProbe).validate_json(TypeAdapter(LinearProbe).dump_json(probe)) == probe


def test_a_backbone_that_separates_the_classes_shows_as_no_gain():
    probe = linear_probe(items("a", twin_noise=1.0), items("t", 90, twin_noise=1.0), shots=(8,), num_bootstrap=200)
    gain = probe.tower[0].over_untrained
    assert gain.low < 0 < gain.high


def test_the_zero_shot_line_is_compared_on_the_same_items():
    train, test = items("a"), items("t", 90)
    names = Prototypes(names={name: [name] for name in CLASSES}, vectors=unit(CENTRES))
    hits = top_1(test, names)
    probe = linear_probe(train, test, shots=(1, 16), zero_shot_top_1=hits, num_bootstrap=100)
    assert probe.zero_shot.value == pytest.approx(hits.mean())
    for point in probe.tower:
        assert point.over_zero_shot.value == pytest.approx(point.metrics["top-1"].value - hits.mean())
    assert linear_probe(train, test, shots=(1,), zero_shot_top_1=np.zeros(90), num_bootstrap=9).worth_shots == 1
    assert linear_probe(train, test, shots=(1,), zero_shot_top_1=np.ones(90), num_bootstrap=9).worth_shots is None


def test_the_interval_is_as_wide_as_draws_and_groups_together():
    train, test = items("a", noise=2.0), items("t", 120, noise=2.0, per_group=1)
    options = {"shots": (2,), "num_bootstrap": 400}
    many, one = (linear_probe(train, test, num_draws=n, **options).tower[0] for n in (12, 1))
    width = one.metrics["top-1"].high - one.metrics["top-1"].low
    p = one.metrics["top-1"].value
    assert width == pytest.approx(2 * 1.96 * np.sqrt(p * (1 - p) / 120), rel=0.2) and one.deviation == {}
    from_draws = 2 * 1.96 * many.deviation["top-1"] / np.sqrt(12)
    assert many.metrics["top-1"].high - many.metrics["top-1"].low > from_draws


def test_c_is_chosen_without_the_test_items():
    train, test, validation = items("a"), items("t"), items("v")
    swapped = replace(test, vectors=test.vectors[::-1].copy())
    for chooser in (None, validation):
        _, costs = predict(train, test, chooser, 8, 3, 0)
        assert predict(train, swapped, chooser, 8, 3, 0)[1] == costs
    noisy = replace(validation, vectors=unit(np.random.default_rng(1).normal(size=validation.vectors.shape)))
    assert predict(train, test, noisy, 8, 6, 0)[1] != predict(train, test, validation, 8, 6, 0)[1]


def test_classes_keep_their_names_when_test_lacks_some():
    train, test = items("a", noise=0.1), items("t", noise=0.1)
    kept = np.flatnonzero(test.numbers() != 0)
    fewer = replace(
        test, classes=("dog", "owl"), truth=test.truth[kept, 1:], vectors=test.vectors[kept],
        groups=tuple(test.groups[i] for i in kept), content=tuple(test.content[i] for i in kept),
    )  # fmt: skip
    assert linear_probe(train, fewer, shots=(4,), num_bootstrap=9).tower[0].metrics["top-1"].value == 1
    with pytest.raises(MetricError, match=r"kind without a training item[\s\S]*cat"):
        linear_probe(replace(fewer, groups=train.groups[:40], content=train.content[:40]), test, shots=(4,))


def test_what_cannot_be_probed_is_refused_or_told():
    train, test = items("a", 30), items("t")
    probe = linear_probe(train, test, shots=(2, 16), num_draws=2, num_bootstrap=9)
    assert probe.notes == ("no probe with 16 shots: only 10 training items of 'cat'",)
    with pytest.raises(MetricError, match="too few items"):
        linear_probe(train, test, shots=(11,))
    with pytest.raises(MetricError, match="training and test items share groups"):
        linear_probe(train, train)
    with pytest.raises(MetricError, match="training and test items share content"):
        linear_probe(train, replace(test, content=(train.content[0], *test.content[1:])))
    with pytest.raises(MetricError, match="validation and test items share groups"):
        linear_probe(train, test, validation=test)
    both = replace(test, truth=np.ones_like(test.truth))
    with pytest.raises(MetricError, match="several labels"):
        linear_probe(train, both)
