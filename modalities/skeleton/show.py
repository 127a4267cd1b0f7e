"""Draw a recording as its first, middle and last pose, seen from the front."""

import numpy as np
from PIL import Image, ImageDraw

from modalities.skeleton.read import seen

SIDE = 128


def draw_poses(sample: np.ndarray) -> np.ndarray:
    """Return an RGB image of three panels on one scale; y points up; joints that were not seen are left out."""
    image = Image.new("RGB", (3 * SIDE, SIDE), "white")
    draw, visible = ImageDraw.Draw(image), seen(sample)
    if not visible.any():
        return np.asarray(image)
    low, high = sample[visible][:, :2].min(axis=0), sample[visible][:, :2].max(axis=0)
    pixels_per_metre = (SIDE - 12) / max(float((high - low).max()), 1e-6)
    for panel, frame in enumerate((0, len(sample) // 2, len(sample) - 1)):
        for x, y in (sample[frame, visible[frame], :2] - low) * pixels_per_metre:
            across, down = panel * SIDE + 6 + float(x), SIDE - 6 - float(y)
            draw.ellipse([across - 2, down - 2, across + 2, down + 2], fill=(60, 90, 190))
    return np.asarray(image)
