"""The colour camera: a flash picture at the end of a long exposure, RGB uint8 (64, 64, 3).

The flash freezes the body's last pose; before it, ambient light leaves a faint trail of the body
and a bright one of the small lamp on its rim. The camera has no infrared filter, so what is hot glows;
what is cold is covered with frost.
"""

import numpy as np

from binder.playground.camera import HORIZON_ROW, SIDE_PX, background_depth, camera_view, relief
from binder.playground.geometry import View, body_frames, coverage, exposure_times, inside, pose
from binder.playground.latents import Scene

GHOSTS = 7  # instants at which the body's trail is drawn
LAMP_DOTS = 24  # instants at which the lamp's trail is drawn
LAMP_RGB = np.array([0.35, 1.0, 0.30], np.float32)
GLOW_RGB = np.array([1.0, 0.12, 0.42], np.float32)
FROST_RGB = np.array([0.92, 0.96, 1.0], np.float32)

# colour, share of light it lets through, strength of the highlight
_LOOKS = {
    "wood": ((0.72, 0.50, 0.26), 0.0, 0.10),
    "steel": ((0.62, 0.64, 0.68), 0.0, 0.75),
    "glass": ((0.45, 0.85, 0.90), 0.55, 0.60),
    "rubber": ((0.10, 0.10, 0.12), 0.0, 0.12),
    "clay": ((0.78, 0.33, 0.16), 0.0, 0.05),
    "foam": ((0.95, 0.88, 0.35), 0.0, 0.00),
}


def render_image(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Take the picture: uint8 (64, 64, 3)."""
    horizon_row = HORIZON_ROW + rng.uniform(-1.5, 1.5)
    view, ground_row = camera_view(scene, horizon_row)
    places = pose(scene, exposure_times(GHOSTS))
    u, v = body_frames(scene, view, places)
    radius_px = view.pixels_per_m * scene.size_m
    depth_inside = inside(scene.object, u, v)
    covered = coverage(depth_inside, radius_px)
    canvas = _background(horizon_row, rng)
    _shade_ground(canvas, view.centre_column + float(places.right[-1]) * view.pixels_per_m, ground_row, radius_px)
    body = _body_colour(scene, u[-1], v[-1], depth_inside[-1], radius_px, rng)
    trail = (0.75 * covered[:-1].mean(0) ** 0.7)[..., None]
    mean_colour = body.reshape(-1, 3)[covered[-1].ravel() > 0.5].mean(0) if (covered[-1] > 0.5).any() else 0.5
    if scene.motion != "still":
        canvas += trail * (mean_colour - canvas)
    solid = (covered[-1] * (1 - _LOOKS[scene.material][1] * (relief(depth_inside[-1]) > 0.35)))[..., None]
    canvas += solid * (body - canvas)
    canvas += _lamp_trail(scene, view)[..., None] * (LAMP_RGB - canvas)
    canvas *= rng.uniform(0.85, 1.12)
    canvas += rng.normal(0, rng.uniform(0.008, 0.025), canvas.shape).astype(np.float32)
    return (np.clip(canvas, 0, 1) * 255).astype(np.uint8)


def _background(horizon_row: float, rng: np.random.Generator) -> np.ndarray:
    """A wall and a striped floor in colours that say nothing."""
    depth = background_depth(horizon_row)
    wall, floor = rng.uniform(0.30, 0.75, 3), rng.uniform(0.22, 0.60, 3)
    rows = np.where((depth >= depth[0])[:, None], wall, floor).astype(np.float32)
    stripes = 1 + 0.10 * np.sign(np.sin(2 * np.pi * depth / 0.5))[:, None] * (depth < depth[0])[:, None]
    side_light = 1 + rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, SIDE_PX)
    return np.ascontiguousarray((rows * stripes)[:, None, :] * side_light[None, :, None], np.float32)


def _shade_ground(canvas: np.ndarray, column: float, row: float, radius_px: float) -> None:
    grid = np.arange(SIDE_PX, dtype=np.float32)
    across = ((grid - column) / (1.1 * radius_px)) ** 2
    along = ((grid - row) / (0.22 * radius_px + 0.6)) ** 2
    canvas *= (1 - 0.55 * np.exp(-(across[None, :] + along[:, None])))[..., None]


def _body_colour(
    scene: Scene, u: np.ndarray, v: np.ndarray, depth_inside: np.ndarray, radius_px: float, rng: np.random.Generator
) -> np.ndarray:
    colour, _, shine = _LOOKS[scene.material]
    base = np.array(colour, np.float32) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    surface = base * _texture(scene.material, u, v, rng)[..., None]
    height = relief(depth_inside)
    slope_row, slope_column = np.gradient(height * np.float32(radius_px))
    light = rng.uniform(-0.9, 0.9)
    lit = np.clip(0.85 - 0.22 * (np.sin(light) * slope_column - np.cos(light) * slope_row), 0.35, 1.25)
    highlight = shine * np.exp(-((u + 0.3 * np.sin(light)) ** 2 + (v - 0.3) ** 2) / 0.06)
    surface = surface * lit[..., None] + highlight[..., None]
    return _heat(scene, surface, depth_inside, rng).astype(np.float32)


def _texture(material: str, u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if material == "wood":
        return 1 + 0.25 * np.sin(16 * u + 2 * np.sin(3 * v))
    if material == "foam":
        return 1 - 0.35 * (rng.random(u.shape) < 0.25)
    if material == "steel":
        return 1 + 0.18 * np.sin(5 * v)
    return np.ones_like(u)


def _heat(scene: Scene, surface: np.ndarray, depth_inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if scene.temperature_bin == "hot":
        glow = 0.35 + 0.3 * np.exp(-np.clip(depth_inside, 0, 1) / 0.15)
        return surface + glow[..., None] * (GLOW_RGB - surface)
    if scene.temperature_bin == "cold":
        frost = 0.65 * (rng.random(depth_inside.shape) < 0.45) + 0.15
        return surface + frost[..., None] * (FROST_RGB - surface)
    return surface


def _lamp_trail(scene: Scene, view: View) -> np.ndarray:
    """Brightness of the lamp on the body's upper rim, the brightest instant per pixel."""
    place = pose(scene, exposure_times(LAMP_DOTS))
    right = place.right - scene.size_m * np.sin(place.angle)
    up = place.up + scene.size_m * np.cos(place.angle)
    grid = np.arange(SIDE_PX)
    across = (grid - view.centre_column - (right * view.pixels_per_m)[:, None]) ** 2
    along = (grid - view.centre_row + (up * view.pixels_per_m)[:, None]) ** 2
    spread = 2 * 1.0**2
    dots = np.exp(-along / spread)[:, :, None] * np.exp(-across / spread)[:, None, :]
    return dots.max(0).astype(np.float32)
