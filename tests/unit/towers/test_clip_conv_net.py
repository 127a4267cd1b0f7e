"""`ClipConvNet`: shapes, order of time and place matter, and batch neighbours do not."""

import pytest
import torch

from binder.towers.blocks import ClipConvNet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ClipConvNet(2, size=24, frame_channels=(8, 16), frame_features=8, channels=(16,)).eval()


@pytest.fixture(scope="module")
def clips():
    return torch.randn(3, 2, 8, 24, 24, generator=torch.Generator().manual_seed(1))


def test_width_is_what_comes_out(network, clips):
    assert network(clips).shape == (3, network.width)


@pytest.mark.parametrize("size", [24, 25, 30, 47])
def test_every_size_gets_a_fitting_head(size):
    network = ClipConvNet(1, size=size, frame_channels=(8, 16, 16), channels=(16,))
    assert network(torch.zeros(1, 1, 4, size, size)).shape == (1, 32)


def test_neighbours_do_not_matter(network, clips):
    torch.testing.assert_close(network(clips)[1:2], network(clips[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("axes", [(2,), (3,), (4,)])
def test_order_along_time_and_space_matters(network, clips, axes):
    assert (network(clips) - network(clips.flip(axes))).abs().max() > 1e-3


def test_frames_enter_in_stacks_beside_their_difference_from_the_mean_frame(network, clips):
    """The first stage sees two frames, in the order of time, each followed by what moved in it."""
    clip = clips[0]
    mean = sum(clip[:, step] for step in range(8)) / 8
    parts = [part for step in (2, 3) for part in (clip[:, step], clip[:, step] - mean)]
    expected = network.image_stages[0](torch.cat(parts)[None])
    seen = []
    handle = network.image_stages[0].register_forward_hook(lambda module, args, out: seen.append(out))
    network(clips[:1])
    handle.remove()
    torch.testing.assert_close(seen[0][1:2], expected, atol=1e-5, rtol=1e-4)
