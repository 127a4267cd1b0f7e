"""Charts hold the numbers they were given, say chance and intervals, and take no markup from users."""

import json
from typing import Any

import numpy as np
import pytest
from charts import HOSTILE, NAN, measured, one_of_each

from binder.errors import MetricError
from binder.report.figures import (
    Measured,
    Plane,
    chart,
    chart_scripts,
    gap_map,
    hubness_map,
    score_bars,
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
    assert len(FIGURES) == 8
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


def test_histograms_hold_the_shares_of_every_bin() -> None:
    matching, other = FIGURES["scores"]["data"]
    np.testing.assert_allclose(numbers(matching["x"]), [0.1, 0.3])
    np.testing.assert_allclose(numbers(matching["y"]), [0.25, 0.75])
    np.testing.assert_allclose(numbers(other["y"]), [1, 0])
    assert matching["width"] == pytest.approx(0.2)
    assert FIGURES["scores"]["layout"]["shapes"][0]["x0"] == 0.25
    bare = score_bars(np.array([0.0, 1.0]), np.ones(1), np.ones(1))
    assert "shapes" not in bare["layout"]


def test_hubness_is_a_map_of_what_is_never_retrieved() -> None:
    (trace,) = FIGURES["hubness"]["data"]
    assert trace["z"] == [[None, 0.6], [0.2, None]] and (trace["zmin"], trace["zmax"]) == (0, 1)
    assert hubness_map(np.full((1, 1), NAN), np.full((1, 1), NAN), modalities=["audio"])["data"][0]["z"] == [[None]]


def test_reliability_stands_beside_its_diagonal() -> None:
    points, diagonal = FIGURES["reliability"]["data"]
    np.testing.assert_allclose(numbers(points["x"]), [0.1, 0.9])
    np.testing.assert_allclose(numbers(points["y"]), [0.2, 0.8])
    assert numbers(diagonal["x"]).tolist() == numbers(diagonal["y"]).tolist() == [0, 1]


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


def test_a_map_without_labels_has_no_buttons() -> None:
    plane = Plane(places=np.eye(2), axes=("a", "b"))
    made = space_map(plane, modalities=["audio", "depth"], labels=None)
    assert [trace["name"] for trace in made["data"]] == ["audio", "depth"]
    assert not made["layout"].get("updatemenus")


BROKEN = {
    "bounds of another shape": lambda: Measured(values=np.ones(2), low=np.ones(1), high=np.ones(2)),
    "edges that do not fit": lambda: score_bars(np.zeros(2), np.ones(2), np.ones(2)),
    "a missing label": lambda: space_map(
        Plane(places=np.eye(3)[:, :2], axes=("a", "b")), modalities=["a"] * 3, labels=["b"] * 2
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_drawn_is_said(broken: str) -> None:
    with pytest.raises(MetricError, match=r"(?s)got: .*expected: "):
        BROKEN[broken]()


def test_embedded_numbers_cannot_end_their_script() -> None:
    made = chart({"data": [{"name": "</script><script>alert(1)"}], "layout": {}}, title="<b>", description='"x"')
    several = chart({}, title="", description="", choices={"1": {"data": ["</script>"]}})
    assert several.count("</script>") == 2 and 'class="choices"' in several
    assert made.count("</script>") == 1 and "<b>" not in made and 'aria-label="&quot;x&quot;"' in made
    with pytest.raises(ValueError, match="JSON"):
        chart({"data": [NAN], "layout": {}}, title="", description="")


def test_the_code_of_plotly_fits_two_megabytes_and_is_the_same_each_time() -> None:
    assert 1_500_000 < len(chart_scripts()) < 2_000_000
    assert chart_scripts.__wrapped__() == chart_scripts()
    assert measured(0.5).error_bars["symmetric"] is False
