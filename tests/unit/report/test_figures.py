"""Charts hold the numbers they were given, say chance and intervals, and take no markup from users."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from charts import HOSTILE, NAN, measured, one_of_each

from binder.errors import ConfigError, MetricError
from binder.report.figures import (
    Measured,
    Plane,
    chart,
    chart_scripts,
    gap_map,
    hubness_histogram,
    plane_of,
    score_histogram,
    space_map,
)

FIGURES = one_of_each()


def numbers(values: Any) -> np.ndarray:
    """An array as plotly stores it: a list, or bytes in base64."""
    if isinstance(values, list):
        return np.array(values, float)
    import base64

    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(float)


def test_all_are_plain_json_without_colours_of_text_and_ground() -> None:
    assert len(FIGURES) == 7
    for made in FIGURES.values():
        assert set(made) == {"data", "layout"} and made["data"]
        json.dumps(made, allow_nan=False)
        assert not {"template", "paper_bgcolor", "plot_bgcolor", "font"} & set(made["layout"])


def test_no_markup_of_users_reaches_plotly() -> None:
    held = [json.dumps(FIGURES[name]) for name in ("decomposition", "map")]
    assert all(HOSTILE not in text and "&lt;a href=" in text for text in held)


def test_the_matrix_tells_value_verdict_interval_and_chance() -> None:
    trace = FIGURES["matrix"]["data"][0]
    assert trace["z"] == [[None, 0.6], [0.2, None]]
    assert trace["text"] == [["", "0.60<br>emergent"], ["0.20<br>tainted<br>~ chance", ""]]
    assert trace["customdata"][0] == ["not measured<br>chance 0.125", "0.600 [0.500, 0.700]<br>chance 0.125"]
    assert "chance 0.12" in trace["colorbar"]["ticktext"][0] and trace["colorbar"]["tickvals"][0] == 0.125


def test_gaps_of_nothing_are_drawn() -> None:
    assert gap_map(np.full((1, 1), NAN), np.full((1, 1), NAN), modalities=["audio"])["data"][0]["z"] == [[None]]


def test_bars_have_their_intervals_and_chance_is_a_line() -> None:
    legs, reached, chance = FIGURES["decomposition"]["data"]
    np.testing.assert_allclose(numbers(legs["y"]), [0.5, 0.6])
    np.testing.assert_allclose(numbers(legs["error_y"]["array"]), [0.1, 0.1])
    assert reached["customdata"] == ["0.300 [0.200, 0.400]", "not measured"]
    assert chance["name"] == "chance" and numbers(chance["y"]).tolist() == [0.1, 0.2]


def test_the_forecast_is_a_band_around_its_line() -> None:
    band, middle, points, chance = FIGURES["curve"]["data"]
    np.testing.assert_allclose(numbers(band["y"]), [0.3, 0.5, 0.7, 0.5, 0.3, 0.1])
    np.testing.assert_allclose(numbers(middle["y"]), [0.2, 0.4, 0.6])
    assert (len(numbers(points["x"])), numbers(chance["x"]).tolist()) == (2, [10, 1000])


def test_histograms_count_every_score_once() -> None:
    for bars in FIGURES["scores"]["data"]:
        assert numbers(bars["y"]).sum() == pytest.approx(1)
    assert FIGURES["scores"]["layout"]["shapes"][0]["x0"] == 0.25
    (bars,) = FIGURES["hubness"]["data"]
    np.testing.assert_allclose(numbers(bars["x"]), range(5))
    np.testing.assert_allclose(numbers(bars["y"]), [0.5, 0.25, 0, 0, 0.25])
    assert FIGURES["hubness"]["layout"]["annotations"][0]["text"] == "mean 1.25; 50% never"


@pytest.mark.parametrize("value", [0.3, 0.0])
def test_scores_that_are_all_equal_are_still_counted(value: float) -> None:
    made = score_histogram(np.full(4, value), np.full(4, value))
    assert all(numbers(bars["y"]).max() == 1 for bars in made["data"])
    assert "shapes" not in made["layout"]


def test_the_map_shows_every_item_by_modality_and_by_label() -> None:
    traces = FIGURES["map"]["data"]
    visible = [trace["name"] for trace in traces if trace.get("visible", True)]
    hidden = [trace["name"] for trace in traces if not trace.get("visible", True)]
    assert visible == ["audio", "depth"]
    assert sorted(hidden)[:3] == ["&lt;a href='https://x.test'&gt;dog&lt;/a&gt;", "label 0", "label 1"]
    for names in (visible, hidden):
        assert sum(len(numbers(trace["x"])) for trace in traces if trace["name"] in names) == 60
    shown = [button["args"][0]["visible"] for button in FIGURES["map"]["layout"]["updatemenus"][0]["buttons"]]
    assert shown == [[True] * 2 + [False] * 4, [False] * 2 + [True] * 4]


def test_large_maps_are_thinned_and_say_so() -> None:
    count = 5000
    plane = Plane(places=np.random.default_rng(0).normal(size=(count, 2)), axes=("a", "b"))
    made = space_map(plane, modalities=["audio"] * count, labels=[str(row % 40) for row in range(count)])
    drawn = [trace for trace in made["data"] if trace.get("visible", True)]
    assert sum(len(numbers(trace["x"])) for trace in drawn) == 2000
    assert made["layout"]["title"]["text"] == "2,000 of 5,000 items"
    assert len(made["data"]) == 1 + 12 + 1 and made["data"][-1]["name"] == "other labels"
    assert len(json.dumps(made)) < 400_000


def test_pca_keeps_the_axes_of_largest_variance() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(200, 5)) * [0.1, 3, 0.1, 9, 0.1]
    plane = plane_of(vectors, method="pca")
    assert abs(np.corrcoef(plane.places[:, 0], vectors[:, 3])[0, 1]) > 0.99
    assert abs(np.corrcoef(plane.places[:, 1], vectors[:, 1])[0, 1]) > 0.99
    spectrum = np.linalg.eigvalsh(np.cov(vectors.T))
    share = spectrum[-1] / spectrum.sum()
    assert plane.axes[0] == f"axis 1 ({share:.0%} of the variance)"
    assert plane_of(np.ones((3, 2)), method="pca").places.shape == (3, 2)


def test_umap_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    class Umap:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
            return vectors[:, :2].astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap, __spec__=SimpleNamespace()))
    plane = plane_of(np.eye(5), seed=7)
    assert plane.axes == ("UMAP 1", "UMAP 2") and plane.places.shape == (5, 2)
    assert asked == {"n_neighbors": 4, "metric": "cosine", "random_state": 7, "n_jobs": 1}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install umap-learn"):
        plane_of(np.eye(5), method="umap")


BROKEN = {
    "bounds of another shape": lambda: Measured(values=np.ones(2), low=np.ones(1), high=np.ones(2)),
    "no score": lambda: score_histogram(np.zeros(0), np.ones(2)),
    "a score of NaN": lambda: score_histogram(np.array([NAN]), np.ones(2)),
    "no counts": lambda: hubness_histogram(np.zeros(0, np.int64), k=10),
    "two vectors": lambda: plane_of(np.eye(2)),
    "a vector of NaN": lambda: plane_of(np.full((3, 3), NAN)),
    "a missing label": lambda: space_map(plane_of(np.eye(3), method="pca"), modalities=["a"] * 3, labels=["b"] * 2),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_drawn_is_said(broken: str) -> None:
    with pytest.raises(MetricError, match=r"(?s)got: .*expected: "):
        BROKEN[broken]()


def test_embedded_numbers_cannot_end_their_script() -> None:
    made = chart({"data": [{"name": "</script><script>alert(1)"}], "layout": {}}, title="<b>", description='"x"')
    assert made.count("</script>") == 1 and "<b>" not in made and 'aria-label="&quot;x&quot;"' in made
    with pytest.raises(ValueError, match="JSON"):
        chart({"data": [NAN], "layout": {}}, title="", description="")


def test_the_code_of_plotly_fits_two_megabytes_and_is_the_same_each_time() -> None:
    assert 1_500_000 < len(chart_scripts()) < 2_000_000
    assert chart_scripts.__wrapped__() == chart_scripts()
    assert measured(0.5).error_bars["symmetric"] is False
