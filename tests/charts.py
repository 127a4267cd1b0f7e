"""One of each chart, small, for tests."""

import numpy as np

from binder.report.figures import (
    Figure,
    Measured,
    Plane,
    decomposition_bars,
    gap_map,
    heat_map,
    hubness_map,
    learning_curve,
    reliability,
    score_bars,
    space_map,
)

NAN = float("nan")
HOSTILE = "<a href='https://x.test'>dog</a>"


def measured(*values: float, half: float = 0.1) -> Measured:
    array = np.array(values)
    return Measured(values=array, low=array - half, high=array + half)


def one_of_each() -> dict[str, Figure]:
    chance = np.random.default_rng(0)
    square = np.array([[NAN, 0.6], [0.2, NAN]])
    vectors = np.concatenate([chance.normal(0, 1, (30, 2)), chance.normal(3, 1, (30, 2))])
    sizes = np.array([10.0, 100.0, 1000.0])
    return {
        "matrix": heat_map(
            Measured(values=square, low=square - 0.1, high=square + 0.1),
            queries=("audio", "depth"),
            galleries=("audio", "depth"),
            chance=np.full((2, 2), 0.125),
            verdicts=(("", "emergent"), ("tainted", "")),
            metric="hit rate at 1",
        ),
        "gap": gap_map(square, square, modalities=("audio", "depth")),
        "decomposition": decomposition_bars(
            {"audio to hub": measured(0.5, 0.6), "reached": measured(0.3, NAN)},
            pairs=("audio to depth", HOSTILE),
            chance=np.array([0.1, 0.2]),
            metric="hit rate at 1",
        ),
        "curve": learning_curve(
            sizes[:2], measured(0.2, 0.4), metric="mAP", chance=0.1, forecast=(sizes, measured(0.2, 0.4, 0.6))
        ),
        "scores": score_bars(np.array([0.0, 0.2, 0.4]), np.array([0.25, 0.75]), np.array([1.0, 0.0]), threshold=0.25),
        "hubness": hubness_map(square, square, modalities=("audio", "depth")),
        "reliability": reliability(np.array([0.1, 0.9]), np.array([0.2, 0.8])),
        "map": space_map(
            Plane(places=vectors, axes=("axis 1", "axis 2")),
            modalities=["audio"] * 30 + ["depth"] * 30,
            labels=[f"label {row % 3}" for row in range(59)] + [HOSTILE],
        ),
    }
