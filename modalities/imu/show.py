"""Draw a recording: the three accelerations above, the three angular velocities below."""

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 320, 160
COLOURS = ((200, 60, 50), (50, 140, 70), (60, 90, 190))  # x, y, z


def draw_traces(sample: np.ndarray, *, accel_range: float, gyro_range: float) -> np.ndarray:
    """Return an RGB image; each panel is scaled to its largest value, written in its corner."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    panels = (("accel", "m/s2", sample[:, :3], accel_range), ("gyro", "rad/s", sample[:, 3:], gyro_range))
    for row, (name, unit, values, limit) in enumerate(panels):
        middle = HEIGHT // 4 + row * HEIGHT // 2
        largest = min(max(float(np.abs(values).max()), 1e-6), limit)
        draw.line([(0, middle), (WIDTH, middle)], fill=(225, 225, 225))
        for axis, colour in enumerate(COLOURS):
            draw.line(_points(values[:, axis], middle, largest), fill=colour)
        draw.text((3, middle - HEIGHT // 4 + 1), f"{name} +-{largest:.3g} {unit}", fill="black")
    return np.asarray(image)


def _points(values: np.ndarray, middle: int, largest: float) -> list[tuple[float, float]]:
    x = np.linspace(0, WIDTH - 1, values.size)
    y = middle - values / largest * (HEIGHT // 4 - 14)
    return list(zip(x.tolist(), y.tolist(), strict=True))
