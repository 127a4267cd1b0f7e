"""A view shows the same part on both sides, and is a function of content and number alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from binder.data import ModalityDataset, PairTable, ViewedSpec, ViewRule, Views
from binder.registry import create_modality
from binder.storage import hash_bytes
from binder.types import View

RULE = ViewRule(smallest=0.4, mirror=True)
CONTENT = hash_bytes(b"picture")


@given(st.integers(1, 10**18))
def test_a_marker_keeps_its_place_in_aligned_pictures_of_other_sizes(number):
    """An image of 240 x 320 and depth of 120 x 160: a 2 x 2 block in one is a pixel in the other."""
    view = RULE.view(CONTENT, number)
    row, column = number % 120, number % 160
    depth, image = np.ones((3, 120, 160), np.float32), np.zeros((240, 320, 3), np.uint8)
    depth[:, row, column], image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 5, 255
    small = create_modality("depth").view(depth, view)[0] == 5
    large = create_modality("image").view(image, view)[..., 0] == 255
    assert small.shape[0] == pytest.approx(large.shape[0] / 2, abs=1) and np.any(small) <= np.any(large)
    if small.any():
        places = [np.argwhere(found).mean(0) / found.shape for found in (small, large)]
        np.testing.assert_allclose(*places, atol=2 / min(small.shape))  # each side rounds to its own pixels


@given(st.integers(1, 10**18), st.floats(0.05, 1))
def test_views_stay_inside_and_are_as_large_as_the_rule_says(number, smallest):
    view = ViewRule(smallest=smallest, mirror=False).view(CONTENT, number)
    assert smallest <= view.side <= 1 and view.top >= 0 and view.left >= 0 and not view.mirrored
    assert max(view.top, view.left) + view.side <= 1 + 1e-9
    for height, width in ((7, 3), (1, 1), (480, 640)):
        part = view.cut(np.zeros((height, width)), (0, 1))
        assert part.shape == (max(1, round(view.side * height)), max(1, round(view.side * width)))


def test_a_view_is_the_slice_it_says_and_every_second_one_is_mirrored():
    picture = np.arange(80).reshape(8, 10)
    view = View(top=0.25, left=0.5, side=0.5, mirrored=False)
    assert np.array_equal(view.cut(picture, (0, 1)), picture[2:6, 5:10])
    mirrored = View(top=0.25, left=0.5, side=0.5, mirrored=True)
    assert np.array_equal(mirrored.cut(picture, (0, 1)), picture[2:6, 9:4:-1])
    flips = [RULE.view(CONTENT, number).mirrored for number in range(1, 401)]
    assert 150 < sum(flips) < 250
    assert len({RULE.view(CONTENT, number) for number in range(1, 401)}) == 400
    assert RULE.view(CONTENT, 1) == RULE.view(CONTENT, 1) != RULE.view(hash_bytes(b"other"), 1)


def test_what_is_no_picture_stays_as_it_is():
    sound, text, view = create_modality("audio").synthetic(0), "a dog", RULE.view(CONTENT, 1)
    assert create_modality("audio").view(sound, view) is sound and create_modality("text").view(text, view) is text
    names = ("audio", "depth", "image", "imu", "skeleton", "text", "thermal")
    assert {name for name in names if create_modality(name).viewable} == {"depth", "image", "thermal"}


def test_numbers_are_all_drawn_zero_the_whole_among_them():
    few = Views(contents=[CONTENT, None], rule=RULE, count=3)
    drawn = [few.number(np.random.default_rng(seed)) for seed in range(400)]
    assert {number: 60 < drawn.count(number) < 140 for number in range(4)} == dict.fromkeys(range(4), True)
    assert len(set(drawn)) == 4
    endless = Views(contents=[CONTENT], rule=RULE, count=None)
    fresh = [endless.number(np.random.default_rng(seed)) for seed in range(400)]
    assert len(set(fresh)) == 400 and min(fresh) > 0
    assert few.of(0, 0) is None and few.of(1, 2) is None and few.of(0, 2) == RULE.view(CONTENT, 2)


@pytest.fixture
def maps(tmp_path: Path) -> PairTable:
    """Three depth maps on disk."""
    (tmp_path / "depth").mkdir()
    for seed in range(3):
        np.save(tmp_path / "depth" / f"{seed}.npy", create_modality("depth").synthetic(seed)[0])
    return PairTable.open(tmp_path)


@pytest.mark.parametrize("cache", [False, True])
def test_a_viewed_item_is_the_view_transformed_and_is_not_kept(maps, cache):
    depth, view = create_modality("depth"), RULE.view(CONTENT, 5)
    samples = ModalityDataset(maps, depth, cache=cache)
    row, tensor, _ = samples.viewed(1, view)
    assert row == 1 and torch.equal(tensor, depth.transform(view.cut(depth.synthetic(1), (1, 2))))
    assert torch.equal(samples[1][1], depth.transform(depth.synthetic(1)))
    assert torch.equal(samples.viewed(1, None)[1], samples[1][1])


def test_a_viewed_modality_reads_that_view_of_each_content(maps):
    depth = create_modality("depth")
    spec = ViewedSpec(spec=depth, rule=RULE, number=2)
    content = maps.content_hashes("depth")[0]
    expected = depth.view(depth.synthetic(0), RULE.view(content, 2))
    assert np.array_equal(spec.load(maps.cell(0, "depth")), expected) and spec.name == "depth"
    others = [
        depth,
        ViewedSpec(spec=depth, rule=RULE, number=1),
        ViewedSpec(spec=create_modality("depth", size=32), rule=RULE, number=2),
        ViewedSpec(spec=depth, rule=ViewRule(smallest=0.5, mirror=True), number=2),
        ViewedSpec(spec=depth, rule=ViewRule(smallest=0.4, mirror=False), number=2),
    ]
    assert len({one.fingerprint for one in (spec, *others)}) == 6


def test_a_view_of_nothing_but_holes_is_no_crash():
    depth = create_modality("depth", centre="clip")
    assert not depth.transform(np.zeros((1, 8, 8), np.float32)).any()
