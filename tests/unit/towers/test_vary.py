"""Seeded variations: bounds, order of time, and closed forms of interpolation and rotation."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from binder.towers.vary import random_crop, read_at, rotation, small_rotation, time_path, uniform


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_crop_of_a_ramp_is_a_flatter_ramp_inside_it(seed):
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    varied = random_crop(torch.stack([rows, columns]), seeded(seed), smallest=0.5)
    slopes = varied[0, 16, 5] - varied[0, 15, 5], varied[1, 5, 16] - varied[1, 5, 15]
    assert slopes[0] == pytest.approx(slopes[1].item(), abs=1e-4) and 0.5 <= slopes[0] <= 1
    assert varied.min() >= 0 and varied.max() <= 31
    torch.testing.assert_close(varied[0], varied[0, :, :1].expand(32, 32))  # no turn, no shear


def test_the_largest_crop_is_the_picture_itself():
    picture = torch.randn(3, 8, 8)
    torch.testing.assert_close(random_crop(picture, seeded(0), smallest=1.0), picture)


@given(
    st.integers(0, 10_000),
    st.integers(2, 80),
    st.floats(0, 0.5, allow_subnormal=False),
    st.floats(0, 1, allow_subnormal=False),
)
def test_a_time_path_goes_forward_inside_the_sequence(seed, length, crop, warp):
    path = time_path(length, crop=crop, warp=warp, generator=seeded(seed))
    assert path.shape == (length,)
    assert (torch.diff(path) >= -1e-3).all() and path[0] >= 0 and path[-1] <= length - 1
    assert (path[-1] - path[0]).item() >= (1 - crop) * (length - 1) - 1e-3


def test_a_time_path_without_crop_and_warp_is_the_identity():
    torch.testing.assert_close(time_path(9, crop=0.0, warp=0.0, generator=seeded(0)), torch.arange(9.0))


def test_reading_at_fractional_positions_is_linear_interpolation():
    sequence = torch.tensor([[0.0, 10.0, 30.0], [1.0, 1.0, 5.0]])
    positions = torch.tensor([0.0, 0.25, 1.0, 1.5, 2.0])
    expected = torch.tensor([[0.0, 2.5, 10.0, 20.0, 30.0], [1.0, 1.0, 1.0, 3.0, 5.0]])
    torch.testing.assert_close(read_at(sequence, positions), expected)


def test_rotation_about_z_is_the_textbook_matrix():
    cos, sin = math.cos(0.3), math.sin(0.3)
    expected = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(rotation(torch.tensor([0.0, 0.0, 1.0]), 0.3), expected)


@pytest.mark.parametrize("seed", range(10))
def test_small_rotations_are_proper_and_small(seed):
    turn = small_rotation(20.0, seeded(seed))
    torch.testing.assert_close(turn @ turn.T, torch.eye(3), atol=1e-5, rtol=0)
    assert torch.linalg.det(turn).item() == pytest.approx(1.0, abs=1e-5)
    degrees = math.degrees(math.acos(min(1.0, (turn.trace().item() - 1) / 2)))
    assert degrees <= 20.0 + 1e-2


def test_uniform_stays_in_its_bounds_and_follows_its_seed():
    drawn = uniform(-2.0, 3.0, seeded(0), size=(1000,))
    assert -2 <= drawn.min() < -1.9 and 2.9 < drawn.max() <= 3
    assert torch.equal(drawn, uniform(-2.0, 3.0, seeded(0), size=(1000,)))
