"""Each kind of display is drawn as it is, also where there is nothing, no end or no number in it."""

import base64
import re
from html import unescape
from io import BytesIO

import numpy as np
import pytest
import soundfile
from matplotlib import colormaps
from PIL import Image

from binder.display import Film, Motion, Picture, Points, Scale, Sound, Traces, Words
from binder.errors import DisplayError
from binder.report.media import LARGEST_FRAGMENT, render
from binder.report.media.colours import STOPS, Extent, colour
from binder.report.media.curves import line, thin
from binder.report.media.ogg import with_serial
from binder.report.media.pictures import webp

METRES = Scale(unit="m", reversed=True)
RAMP = np.linspace(0.5, 4.0, 20, dtype=np.float32).reshape(4, 5)
LONG = np.random.default_rng(0).normal(size=200_000).astype(np.float32)


def held(fragment: str) -> list[bytes]:
    """The pictures and sounds within a fragment."""
    return [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", fragment)]


def pixels(fragment: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(held(fragment)[0])).convert("RGBA"))


def holes(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan, np.float32)


# A display that something is odd about -> what its fragment says
ODD = {
    "a constant map": (Picture(pixels=np.full((9, 9), 2.5), scale=METRES), "2.5 m everywhere: no range"),
    "a map of holes": (Picture(pixels=holes(3, 3), scale=METRES), "nothing measured"),
    "half a map": (Picture(pixels=np.stack([RAMP, RAMP * np.nan]).reshape(8, 5), scale=METRES), "50 % not measured"),
    "a map with infinity": (Picture(pixels=np.array([[1.0, np.inf, 2.0]]), scale=METRES), "33 % not measured"),
    "a range of a hair": (Picture(pixels=np.array([[300.0001, 300.0002]]), scale=METRES), "300.0001"),
    "one pixel": (Picture(pixels=np.zeros((1, 1, 3), np.uint8)), "1 x 1 pixels"),
    "a line of pixels": (Picture(pixels=np.zeros((1, 5000, 3), np.uint8)), "5000 x 1 pixels"),
    "one frame": (Film(frames=RAMP[None], scale=METRES), "picture, 5 x 4 pixels"),
    "an hour of film": (Film(frames=np.zeros((3600, 2, 2, 3), np.uint8), rate_hz=1.0), "8 of 3,600 frames, 3.6e+03 s"),
    "silence": (Sound(waveform=np.zeros(16_000), rate_hz=16_000.0), "silence"),
    "one amplitude": (Sound(waveform=np.ones(1), rate_hz=8000.0), "0.000125 s"),
    "a slow sound": (Sound(waveform=LONG[:3000], rate_hz=1000.0), "3 s"),
    "a long sound": (Sound(waveform=LONG, rate_hz=100.0), "4 s from the middle of 2,000 s"),
    "a sound of NaN": (Sound(waveform=holes(800), rate_hz=8000.0), "100% not a number"),
    "one step": (Traces(values=np.ones((1, 1)), channels=("a",), units=("V",), rate_hz=5.0), "1 V, constant"),
    "curves of NaN": (Traces(values=holes(5, 1), channels=("a",), units=("V",)), "nothing measured"),
    "a long curve": (Traces(values=LONG[:, None], channels=("a",), units=("V",), rate_hz=100.0), "2e+03 s"),
    "many curves": (Traces(values=LONG.reshape(-1, 50), channels=("a",) * 50, units=("V",) * 50), "12 of 50 curves"),
    "many units": (
        Traces(values=LONG.reshape(-1, 50), channels=("a",) * 50, units=tuple(map(str, range(50)))),
        "4,000 steps",
    ),
    "one pose": (Motion(joints=np.zeros((1, 1, 3))), "1 poses"),
    "an unseen body": (Motion(joints=holes(4, 3, 3), bones=((0, 1),)), "no joint was seen in 4 frames"),
    "a mesh": (Motion(joints=LONG[:198_000].reshape(6, -1, 3), bones=((0, 1),), rate_hz=2.0), "1 of 6 poses, 3 s"),
    "points without a place": (Points(places=holes(4, 3), unit="m"), "none of 4 points has a place"),
    "one point": (Points(places=np.ones((1, 3)), unit="m"), "1 m upwards everywhere"),
    "many points": (Points(places=LONG[:198_000].reshape(-1, 3), unit="m"), "of 66,000 points"),
    "no words": (Words(text="  \n"), "empty text"),
    "many words": (Words(text="word " * 10_000), "49,000 more characters"),
    "words beyond ASCII": (Words(text="青い mug"), "青い mug"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_drawn_and_said(odd: str) -> None:
    display, said = ODD[odd]
    fragment = render(display, name="sample")
    assert said in unescape(fragment)
    assert len(fragment.encode()) <= LARGEST_FRAGMENT


def test_only_displays_are_drawn() -> None:
    with pytest.raises(DisplayError, match=r"(?s)got: .*ndarray.*choices: .*Picture, Film"):
        render(RAMP, name="sample")


def test_hostile_text_stays_text() -> None:
    text = '<script>alert(1)</script> "quoted" & \x00\x1b[31m\ud800'
    shown = render(Words(text=text), name="x")
    assert "<script" not in shown and "\x00" not in shown and "\x1b" not in shown
    assert unescape(shown).count("<script>alert(1)</script>") == 1
    shown.encode("utf-8")
    named = render(Sound(waveform=np.ones(9), rate_hz=8000.0), name='" onerror="alert(1)')
    assert ' onerror="' not in named


def test_near_is_bright_and_a_hole_is_transparent() -> None:
    values = np.repeat(np.repeat([[1.0, 2.0, np.nan]], 30, axis=1), 30, axis=0).astype(np.float32)
    drawn = pixels(render(Picture(pixels=values, scale=METRES), name="x"))[15, [15, 45, 75]].astype(int)
    assert drawn[0, :3].sum() > drawn[1, :3].sum() + 200
    assert drawn[:, 3].tolist() == [255, 255, 0]


@pytest.mark.parametrize("name", ["viridis", "inferno", "magma"])
def test_colours_are_those_of_matplotlib(name: str) -> None:
    values = np.linspace(3, 7, 256)
    ours = colour(values, Extent.of(values), colours=name)
    theirs = 255 * colormaps[name](np.linspace(0, 1, 256))
    np.testing.assert_allclose(ours, theirs, atol=7)
    np.testing.assert_array_equal(colour(values, Extent.of(values), colours=name, reverse=True), ours[::-1])
    assert len(STOPS) == 4


def test_a_picture_keeps_its_look_and_stays_small() -> None:
    levels = np.zeros((600, 800, 3), np.uint8)
    levels[:, :400] = (255, 0, 0)
    drawn = pixels(render(Picture(pixels=levels), name="x"))
    assert drawn.shape == (144, 192, 4)
    assert drawn[72, 40, 0] > 230 and drawn[72, 150, 0] < 20


def test_encoded_pictures_fit_whatever_they_show() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8))
    assert len(webp(noise)) <= 10_000
    assert len(webp(noise, largest=300)) <= 300


def test_a_film_is_a_strip_of_its_frames_in_order() -> None:
    frames = np.repeat(np.arange(0, 240, 30, dtype=np.uint8)[:, None, None, None], 32, axis=1)
    frames = np.broadcast_to(frames, (8, 32, 32, 3))
    drawn = pixels(render(Film(frames=frames, rate_hz=4.0), name="x"))
    assert drawn.shape == (32, 256, 4)
    np.testing.assert_allclose(drawn[16, 16::32, 0], np.arange(0, 240, 30), atol=6)


def test_a_sound_is_heard_as_it_is() -> None:
    time = np.arange(44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time)
    opus = next(data for data in held(render(Sound(waveform=tone, rate_hz=44_100.0), name="x")) if data[:4] == b"OggS")
    heard, _ = soundfile.read(BytesIO(opus))
    assert len(heard) == pytest.approx(16_000, abs=320)
    spectrum = np.abs(np.fft.rfft(heard[:16_000]))
    assert abs(int(spectrum.argmax()) - 1000) <= 2
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_sound_gives_the_same_bytes_each_time_and_every_page_its_checksum() -> None:
    sound = Sound(waveform=LONG, rate_hz=16_000.0)
    assert render(sound, name="x") == render(sound, name="x")
    stream = BytesIO()
    soundfile.write(stream, LONG[:8000], 16_000, format="OGG", subtype="OPUS")
    drawn = stream.getvalue()
    serial = int.from_bytes(drawn[14:18], "little")
    assert with_serial(drawn, serial) == drawn  # libsndfile's own checksums
    assert with_serial(drawn, 7) != drawn and with_serial(drawn, 7)[14:18] == bytes([7, 0, 0, 0])


def test_a_library_without_opus_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_subtypes", lambda format: {"VORBIS": "Vorbis"})
    fragment = render(Sound(waveform=LONG[:800], rate_hz=8000.0), name="x")
    assert "<audio" not in fragment and "no player" in fragment


def test_thinning_keeps_every_peak_in_its_place() -> None:
    steps, values = thin(LONG.astype(float), 100)
    assert len(steps) <= 100 and (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(values, LONG[steps])
    assert (values.min(), values.max()) == (LONG.min(), LONG.max())


def test_a_line_has_a_gap_where_nothing_was_measured() -> None:
    assert line(np.arange(4.0), np.array([1.0, np.nan, 2.0, 3.5])) == "M0 1M2 2L3 3.5"


def test_bones_of_unseen_joints_are_left_out() -> None:
    joints = np.array([[[0, 0, 0], [0, 1, 0], [np.nan] * 3]], np.float32)
    fragment = render(Motion(joints=joints, bones=((0, 1), (1, 2))), name="x")
    bones, dots = re.findall(r'd="([^"]*)"', fragment)
    assert bones == "M64 122L64 6"  # up is up
    assert dots.count("h0") == 2


def test_near_points_hide_far_ones() -> None:
    places = np.array([[0, 0, 1], [0, 0, -1]], np.float32)
    colours = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    drawn = pixels(render(Points(places=places, unit="m", colours=colours), name="x"))
    assert drawn.shape == (128, 12 * 128, 4)
    front, behind = drawn[64, 64].astype(int), drawn[64, 64 + 6 * 128].astype(int)
    assert front[2] > front[0] and behind[0] > behind[2]
