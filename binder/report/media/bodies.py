"""Draws bodies in motion and points in space: strips of poses, or of views all round. Floor: report."""

from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from binder.display import Motion, Points, Scale
from binder.report.media.colours import Extent, bar, colour
from binder.report.media.html import figure, node
from binder.report.media.pictures import pace, playing_seconds, spread, strip, window

SIDE, MARGIN = 128, 6  # of a pose or a view
POSES, MOST_PLACES = 12, 1000  # of a strip: poses, and joints and ends of bones in all of them
VIEWS, MOST_POINTS, TURN_SECONDS = 12, 2500, 4.0


def draw_motion(motion: Motion, name: str) -> Element:
    """Poses seen from the front, on one scale; joints that were not seen are left out with their bones."""
    flat = motion.joints[..., [(motion.up + 2) % 3, motion.up]].astype(float)
    flat = np.where(np.isfinite(flat), flat, np.nan)
    count, joints = flat.shape[:2]
    if not np.isfinite(flat).any():
        return figure("motion", caption=[f"{name}: no joint was seen in {count:,} frames"])
    every = -(-joints // MOST_PLACES)  # of a body of thousands of joints, some
    bones = motion.bones if every == 1 else ()
    chosen = spread(count, max(1, min(POSES, MOST_PLACES // (joints // every + 2 * len(bones)))))
    places = _fitted(flat)[chosen]
    poses = [_pose(pose, bones, every, place * SIDE) for place, pose in enumerate(places)]
    told = pace(count, len(chosen), motion.rate_hz, "poses")
    words = f"{name}: body of {joints} joints in motion, {told}"
    drawing = node("svg", *poses, viewBox=f"0 0 {SIDE * len(chosen)} {SIDE}", aria_hidden="true")
    shown = window(
        drawing, frames=len(chosen), size=(SIDE, SIDE), words=words, seconds=playing_seconds(count, motion.rate_hz)
    )
    unseen = float(np.isnan(flat).any(-1).mean())
    caption: list[Element | str] = [node("span", told)]
    if unseen:
        caption.append(node("span", f"{unseen:.1%} of the joints not seen"))
    return figure("motion", shown, caption=caption)


def draw_points(points: Points, name: str) -> Element:
    """Twelve views all round the upward axis, near points over far ones; without colours they tell the height."""
    whole, total = np.flatnonzero(np.isfinite(points.places).all(axis=1)), len(points.places)
    if not len(whole):
        return figure("points", caption=[f"{name}: none of {total:,} points has a place"])
    rows = whole[:: -(-len(whole) // MOST_POINTS)]
    places, caption = points.places[rows].astype(float), list[Element | str]()
    if points.colours is None:
        height = Extent.of(places[:, points.up])
        levels = colour(places[:, points.up], height, colours="viridis")
        caption += bar(Scale(unit=f"{points.unit} upwards"), height)
    else:
        shades = np.nan_to_num(points.colours[rows].astype(float)).clip(0, 1)
        levels = np.concatenate([255 * shades, np.full((len(rows), 1), 255)], axis=1).round().astype(np.uint8)
    shown = f"{len(rows):,} of {total:,} points" if len(rows) < total else f"{total:,} points"
    views = [_view(places, levels, points.up, turn) for turn in np.arange(VIEWS) * 2 * np.pi / VIEWS]
    words = f"{name}: point cloud, {shown}, seen from all sides"
    return figure("points", strip(views, words=words, seconds=TURN_SECONDS), caption=[*caption, node("span", shown)])


def _fitted(flat: Float[np.ndarray, "frame joint 2"]) -> Float[np.ndarray, "frame joint 2"]:
    """Across and down within a square, one scale for all frames."""
    seen = flat[np.isfinite(flat).all(axis=-1)].reshape(-1, 2)
    low, high = seen.min(axis=0), seen.max(axis=0)
    scale = (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-9)
    return (flat - (low + high) / 2) * scale * np.array([1, -1]) + SIDE / 2


def _pose(pose: Float[np.ndarray, "joint 2"], bones: tuple, every: int, left: int) -> Element:
    places = pose + np.array([left, 0])
    seen = np.flatnonzero(np.isfinite(pose).all(axis=1))
    ends = [places[list(bone)].ravel() for bone in bones if np.isin(bone, seen).all()]
    lines = "".join("M{:.0f} {:.0f}L{:.0f} {:.0f}".format(*end) for end in ends)
    dots = "".join("M{:.0f} {:.0f}h0".format(*place) for place in places[seen[::every]])
    return node("g", node("path", d=lines, class_="bone"), node("path", d=dots, class_="joint"))


def _view(
    places: Float[np.ndarray, "point 3"], levels: UInt8[np.ndarray, "point 4"], up: int, turn: float
) -> Image.Image:
    """The cloud turned about the upward axis, on a transparent ground."""
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    right, back, height = (places - middle)[:, [(up + 2) % 3, (up + 1) % 3, up]].T
    scale = (SIDE / 2 - MARGIN) / max(float(np.hypot(right, back).max()), float(np.abs(height).max()), 1e-9)
    across, away = right * np.cos(turn) + back * np.sin(turn), back * np.cos(turn) - right * np.sin(turn)
    order = np.argsort(-away, kind="stable")  # what comes last is drawn over the rest
    columns = (across[order] * scale + SIDE / 2).round().astype(int)
    rows = (SIDE / 2 - height[order] * scale).round().astype(int)
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    for down, beside in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a point is two pixels wide
        picture[rows + down, columns + beside] = levels[order]
    return Image.fromarray(picture)
