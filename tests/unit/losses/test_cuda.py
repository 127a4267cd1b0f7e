"""On a GPU the losses are the same, also where the gallery stays in main memory and is streamed tile by tile."""

from collections.abc import Callable

import pytest
import torch
from loss_oracle import assert_same_loss_and_gradients, unit_vectors
from open_clip.loss import ClipLoss, SigLipLoss

from binder.losses import info_nce, logsumexp_both, sigmoid_loss
from binder.losses.tiles import Pairs

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: the losses were tested on the CPU only"),
    pytest.mark.usefixtures("small_tiles"),
]


def _inputs(*numbers: float) -> list[torch.Tensor]:
    vectors = [unit_vectors(7, 5, seed) for seed in (0, 1)]
    scalars = [torch.tensor(number, dtype=torch.float64) for number in numbers]
    return [part.cuda().requires_grad_() for part in (*vectors, *scalars)]


@pytest.mark.parametrize("memory", [0, 250, 10**6])
def test_tiled_info_nce_equals_open_clip(memory: int) -> None:
    ours, peers = _inputs(14.0), _inputs(14.0)
    assert_same_loss_and_gradients(info_nce(*ours, memory=memory), ours, ClipLoss()(*peers), peers)


def test_tiled_sigmoid_equals_open_clip() -> None:
    ours, peers = _inputs(10.0, -2.0), _inputs(10.0, -2.0)
    assert_same_loss_and_gradients(3 * sigmoid_loss(*ours), ours, 3 * SigLipLoss()(*peers), peers)


@pytest.mark.parametrize("place", [torch.Tensor.cpu, torch.Tensor.cuda], ids=["streamed", "there"])
def test_a_bank_gives_what_the_full_matrix_gives(place: Callable[[torch.Tensor], torch.Tensor]) -> None:
    vectors, _, scale = _inputs(14.0)
    bank = unit_vectors(30, 5, 2)
    partners = Pairs(torch.arange(7).cuda(), torch.arange(7).cuda() * 3)
    rows, _ = logsumexp_both(vectors, place(bank), scale, partners=partners)
    (ours,) = torch.autograd.grad(rows.sum(), vectors)
    logits = scale * vectors @ bank.cuda().T
    expected = (logits.logsumexp(1) - logits[partners.rows, partners.columns]).sum()
    torch.testing.assert_close(rows.sum(), expected)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, vectors)[0])
