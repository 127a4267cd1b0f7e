import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.optimize import curve_fit

from binder.errors import MetricError
from binder.evaluate.curves import CurvePoint, LearningCurve, fit_curve

SIZES = [200, 400, 800, 1600, 3200]


def law(n, ceiling=0.62, drop=1.9, steepness=0.45):
    return ceiling - drop * np.asarray(n, float) ** -steepness


def measure(truth, *, sizes=SIZES, noise=0.01, extra=0.0, num_draws=200, seed=0):
    """Scores with the noise of test groups, which the draws show, and that of training, which they don't."""
    rng = np.random.default_rng(seed)
    found = []
    for n in sizes:
        score = float(truth(n) + noise * rng.normal() + extra * rng.normal())
        found.append(CurvePoint(num_pairs=n, score=score, draws=score + noise * rng.normal(size=num_draws)))
    return found


def test_the_law_is_found_where_points_lie_on_it_and_equals_scipys_fit():
    curve = fit_curve(measure(law, noise=1e-5), chance=0.02)
    assert (curve.ceiling.value, curve.steepness) == pytest.approx((0.62, 0.45), abs=0.02)
    points = measure(law, seed=3)
    got = fit_curve(points, chance=0.02)
    scores, spread = np.array(got.scores), np.array([one.draws.std(ddof=1) for one in points])
    shares = np.array(SIZES) / 3200
    fit, _ = curve_fit(lambda x, c, a, b: c - a * x**-b, shares, scores, sigma=spread, p0=(0.6, 0.1, 0.5),
                       bounds=([0.02, 0, 0.05], [1, 1, 2]))  # fmt: skip

    def cost(c, a, b):
        return (((scores - c + a * shares**-b) / spread) ** 2).sum()

    assert cost(got.ceiling.value, got.drop, got.steepness) <= cost(*fit) * 1.001 + 1e-6


@pytest.mark.parametrize("extra", [0.0, 0.01])
def test_intervals_cover_the_truth_about_as_often_as_they_say(extra):
    covered = {"at the data": 0, "at four times it": 0, "pairs needed": 0}
    needed = (1.9 / 0.06) ** (1 / 0.45)
    for seed in range(100):
        curve = fit_curve(measure(law, extra=extra, seed=seed, num_draws=100), chance=0.02)
        for name, n in (("at the data", 3200), ("at four times it", 12800)):
            score = curve.forecast(n).score
            covered[name] += score.low <= law(n) <= score.high
        asked = curve.pairs_needed(0.56)
        covered["pairs needed"] += (asked.low or np.inf) <= needed <= (asked.high or np.inf)
    assert all(84 <= count <= 100 for count in covered.values()), covered  # 95 +- 3 standard errors, a little short


def test_forecasts_widen_away_from_the_data_and_are_marked_far_from_it():
    curve = fit_curve(measure(law), chance=0.02)
    near, far = curve.forecast(3200).score, curve.forecast(100_000).score
    assert near.low <= near.value <= near.high
    assert far.high - far.low > 2 * (near.high - near.low)
    assert [curve.forecast(n).far for n in (3200, 12_800, 12_801)] == [False, False, True]
    assert curve.forecast(1).score.value == curve.forecast(1).score.low == 0.02  # never below chance


def test_pairs_needed_inverts_the_forecast():
    curve = fit_curve(measure(law, noise=0.003), chance=0.02)
    asked = curve.pairs_needed(0.57)
    assert curve.forecast(asked.num_pairs).score.value == pytest.approx(0.57, abs=1e-4)
    assert asked.low < asked.num_pairs < asked.high and asked.reached == 1 and not asked.far
    assert curve.pairs_needed(0.61).far


def test_a_score_above_the_ceiling_is_not_reachable():
    curve = fit_curve(measure(law, noise=0.001), chance=0.02)
    asked = curve.pairs_needed(0.8)
    assert (asked.num_pairs, asked.low, asked.high, asked.reached, asked.far) == (None, None, None, 0, True)
    for bad in (0.02, 1.0):
        with pytest.raises(MetricError, match="no such score"):
            curve.pairs_needed(bad)


def test_flat_and_unbent_curves_say_so():
    flat = fit_curve(measure(lambda n: 0.3), chance=0.02)
    assert any("hardly rises" in note for note in flat.notes)
    assert flat.forecast(3200).score.value == pytest.approx(0.3, abs=0.02)
    assert flat.pairs_needed(0.99).num_pairs is None  # though some draws have no drop at all
    assert any(drop == 0 for _, drop, _ in flat.fits)
    straight = fit_curve(measure(lambda n: 0.1 * np.log10(n), noise=0.001), chance=0.02)
    assert any("hardly bends" in note for note in straight.notes)
    off = fit_curve(measure(law, noise=0.001, extra=0.05, seed=2), chance=0.02)
    assert any("more than test groups explain" in note for note in off.notes)


def test_same_points_same_curve_and_it_is_plain_data():
    first, again = (fit_curve(measure(law, extra=0.02), chance=0.02) for _ in range(2))
    assert first == again
    assert TypeAdapter(LearningCurve).validate_json(TypeAdapter(LearningCurve).dump_json(first)) == first


def test_points_that_make_no_curve_are_refused():
    for points, message in (
        (measure(law, sizes=[100, 200, 400]), "too few training sizes"),
        (measure(law, sizes=[100, 200, 400, 400]), "too few training sizes"),
        ([*measure(law), *measure(law, num_draws=7)], "different draws"),
        (measure(lambda n: 1.5), "scores outside"),
    ):
        with pytest.raises(MetricError, match=message):
            fit_curve(points, chance=0.02)
    with pytest.raises(MetricError, match="chance outside"):
        fit_curve(measure(law), chance=1.0)
    with pytest.raises(MetricError, match="no forecast"):
        fit_curve(measure(law), chance=0.0).forecast(0)
