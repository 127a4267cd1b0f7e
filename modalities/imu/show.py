"""Draw a recording: one panel a sensor, its three axes in three colours."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

WIDTH, PANEL = 320, 80
COLOURS = ((200, 60, 50), (50, 140, 70), (60, 90, 190))  # x, y, z
UNITS = {"accel": "m/s2", "gyro": "rad/s"}


def draw_traces(sample: np.ndarray, sensors: Sequence[str]) -> np.ndarray:
    """Return an RGB image; each panel is scaled to its largest value, written in its corner."""
    image = Image.new("RGB", (WIDTH, PANEL * len(sensors)), "white")
    draw = ImageDraw.Draw(image)
    for row, sensor in enumerate(sensors):
        values = sample[:, 3 * row : 3 * row + 3]
        middle = PANEL // 2 + row * PANEL
        largest = max(float(np.abs(values).max()), 1e-6)
        draw.line([(0, middle), (WIDTH, middle)], fill=(225, 225, 225))
        for axis, colour in enumerate(COLOURS):
            draw.line(_points(values[:, axis], middle, largest), fill=colour)
        draw.text((3, row * PANEL + 1), f"{sensor} +-{largest:.3g} {UNITS[sensor]}", fill="black")
    return np.asarray(image)


def _points(values: np.ndarray, middle: int, largest: float) -> list[tuple[float, float]]:
    x = np.linspace(0, WIDTH - 1, values.size)
    y = middle - values / largest * (PANEL // 2 - 14)
    return list(zip(x.tolist(), y.tolist(), strict=True))
