"""Draw distances: near is bright, holes are dark red; a clip is drawn as four of its frames."""

import numpy as np
from PIL import Image

SIDE = 128
HOLE = (90, 0, 0)


def draw_maps(sample: np.ndarray) -> np.ndarray:
    """Return an RGB image; grey runs from the sample's nearest to its farthest distance."""
    count = min(4, len(sample))
    frames = sample[np.linspace(0, len(sample) - 1, count).round().astype(int)]
    known = frames > 0
    near, far = float(frames[known].min()), float(frames[known].max())
    grey = 255 - 215 * (frames - near) / max(far - near, 1e-6)
    picture = np.where(known[..., None], np.repeat(grey[..., None], 3, axis=-1), HOLE).astype(np.uint8)
    panels = [np.asarray(Image.fromarray(panel).resize((SIDE, SIDE), Image.Resampling.NEAREST)) for panel in picture]
    return np.concatenate(panels, axis=1)
