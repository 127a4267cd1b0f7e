"""Displays hold their shapes, and a contract alone says how a stranger's samples are shown."""

import numpy as np
import pytest

from binder.display import Film, Motion, Picture, Points, Scale, Sound, Traces, Words, display_by_contract
from binder.errors import DisplayError
from binder.types import InputContract

GREY, RGB = np.ones((4, 5), np.float32), np.zeros((4, 5, 3), np.uint8)
COLOURS = ("red", "green", "blue")
LAYOUTS = {
    "text": ("a dog", {}, Words),
    "height width channel": (RGB, {"channels": COLOURS}, Picture),
    "time height width channel": (RGB[None], {"channels": COLOURS}, Film),
    "frame height width": (GREY[None], {}, Film),
    "height width": (GREY, {}, Picture),
    "ping range": (GREY, {}, Picture),
    "time channel": (GREY, {"rate_hz": 10.0}, Traces),
    "time": (GREY[0], {"rate_hz": 10.0}, Traces),
    "range": (GREY[0], {}, Traces),
    "frame joint axis": (np.zeros((2, 6, 3), np.float32), {}, Motion),
    "point channel": (np.zeros((7, 4), np.float32), {"channels": ("x", "y", "z", "echo")}, Points),
    "depth height width channel": (np.zeros((2, 3, 4, 5), np.float32), {}, Words),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_contract_alone_says_how_its_samples_are_shown(layout: str) -> None:
    sample, facts, kind = LAYOUTS[layout]
    assert isinstance(display_by_contract(sample, InputContract(layout=layout, unit="V", **facts)), kind)


def test_one_channel_of_amplitudes_is_a_sound() -> None:
    contract = InputContract(layout="time channel", unit="amplitude", channels=("mono",), rate_hz=8000.0)
    shown = display_by_contract(np.array([[0.5], [0.25]], np.float32), contract)
    assert isinstance(shown, Sound) and shown.rate_hz == 8000 and shown.waveform.tolist() == [0.5, 0.25]


def test_curves_are_named_and_keep_the_unit_and_the_rate() -> None:
    shown = display_by_contract(GREY, InputContract(layout="bin channel", unit="dB", channels=tuple("abcde")))
    assert isinstance(shown, Traces)
    assert (shown.channels, shown.units, shown.rate_hz, shown.axis) == (tuple("abcde"), ("dB",) * 5, None, "bin")


def test_what_no_kind_fits_is_told_in_sizes_and_range() -> None:
    volume = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    shown = display_by_contract(volume, InputContract(layout="x y z channel", unit="Hounsfield"))
    assert shown == Words(text="2 x, 3 y, 4 z, 5 channel: 0 to 119 Hounsfield")


FAULTS = {
    "levels that are no uint8": lambda: Picture(pixels=RGB.astype(np.float32)),
    "numbers without a scale": lambda: Picture(pixels=GREY),
    "a scale with levels": lambda: Picture(pixels=RGB, scale=Scale(unit="m")),
    "one frame without its axis": lambda: Film(frames=RGB),
    "nothing at all": lambda: Sound(waveform=np.zeros(0), rate_hz=1.0),
    "two channels of sound": lambda: Sound(waveform=GREY, rate_hz=1.0),
    "a curve without a name": lambda: Traces(values=GREY, channels=("a",), units=("V",) * 5),
    "a bone to nowhere": lambda: Motion(joints=np.zeros((1, 2, 3)), bones=((0, 2),)),
    "flat joints": lambda: Motion(joints=np.zeros((1, 2, 2))),
    "colours of fewer points": lambda: Points(places=np.zeros((3, 3)), unit="m", colours=np.zeros((2, 3))),
    "words of objects": lambda: Picture(pixels=np.array([["a"]]), scale=Scale(unit="m")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_display_of_a_wrong_shape_says_where_to_mend_it(fault: str) -> None:
    with pytest.raises(DisplayError, match=r"(?s)got: .*expected: .*`show`"):
        FAULTS[fault]()
