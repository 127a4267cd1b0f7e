"""Where the frames of a depth clip are: declared, or noticed when the usual order cannot be."""

import numpy as np
import pytest

from binder.check import check_modality
from binder.errors import ConfigError, SampleError
from modalities.depth import Depth

UTD = (240, 320, 76)  # height, width, frame: as UTD-MHAD's .mat files hold them


def _clip(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 4, shape).astype(np.float32)


def test_frames_that_come_last_are_noticed():
    with pytest.raises(
        SampleError, match=r"240 frames of 320 x 76 pixels[\s\S]*frames: last if these are 76 frames of"
    ):
        Depth().load(_clip(UTD))


def test_a_declared_order_is_taken_at_its_word():
    stored = _clip(UTD)
    found = Depth(frames="last").load(stored)
    assert found.shape == (76, 240, 320)
    for frame in (0, 75):
        np.testing.assert_array_equal(found[frame], stored[:, :, frame])
    np.testing.assert_array_equal(Depth(frames="first").load(stored), stored)
    with pytest.raises(ConfigError, match=r"option frames of depth[\s\S]*guess, first, last"):
        Depth(frames="middle")


@pytest.mark.parametrize("shape", [(240, 320), (76, 240, 320), (5, 256, 192), (1, 500, 100)])
def test_usual_shapes_pass(shape):
    assert Depth().load(_clip(shape)).shape == (1, *shape)[-3:]


def test_the_promises_hold_with_frames_last():
    failed = [line for line in check_modality(Depth(frames="last", size=32)) if not line.passed]
    assert failed == []
