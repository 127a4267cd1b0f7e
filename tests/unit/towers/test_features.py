"""A head trained on cached features is the head trained behind the frozen encoder, number for number."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from datasets import Dataset
from toys import Toy, ToyHub, toy_samples, toy_table

from binder.config import LoraConfig, LossConfig, TrainConfig
from binder.data import ModalityDataset, PairTable
from binder.hub.cache import build_hub_cache
from binder.hub.targets import cached_targets
from binder.registry import create_modality
from binder.run.sides import pair_keys
from binder.towers import Tower, build_tower
from binder.towers.features import Features, cache_features, head_alone
from binder.towers.trainable import choose_trained
from binder.train import Outcome, Side, TowerTrainer, start_engine
from binder.train.journal import read_journal

CONFIG = TrainConfig(epochs=3, batch_size=8, lr=0.01)


@dataclass(frozen=True, kw_only=True)
class Still(Toy):
    """A toy that training does not vary, so that caching its features loses nothing."""

    def augment(self, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return tensor


def _tower(head: str = "linear") -> Tower:
    tower = build_tower(Still(), 12, seed=3, head=head)
    choose_trained(tower, "head", lora=LoraConfig(), seed=0)
    return tower


def _side(folder) -> Side:
    hub, table, spec = ToyHub(), toy_table(40), create_modality("text")
    targets = cached_targets({"text": build_hub_cache(hub, table, "text", spec, folder / "hub", on_error="raise")})
    samples = ModalityDataset(table, Still(), cache=True)
    keys = pair_keys(table, ["text"], "label")
    return Side(
        table=table, samples=samples, targets=targets, keys=keys, rows=np.arange(len(table)), hub=hub.fingerprint
    )


def _featured(tower: Tower, side: Side) -> Side:
    samples = cache_features(tower, side.samples, side.rows)
    return replace(side, samples=samples, rows=samples.rows)


def _train(tower: Tower, side: Side, folder) -> Outcome:
    return TowerTrainer(
        tower, train=side, validation=side, config=CONFIG, loss=LossConfig(), folder=folder, seed=5,
        fingerprint="f", accelerator=start_engine("no", cpu=True),
    ).run()  # fmt: skip


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_training_on_cached_features_is_training_behind_the_frozen_encoder(tmp_path, head):
    side = _side(tmp_path)
    live = _tower(head)
    _train(live, side, tmp_path / "live")
    cached = _tower(head)
    outcome = _train(head_alone(cached), _featured(cached, side), tmp_path / "cached")
    losses = [
        [event["loss"] for event in read_journal(tmp_path / name) if event["event"] == "step"]
        for name in ("live", "cached")
    ]
    assert len(losses[0]) == 15 and losses[0][-1] < losses[0][0]
    # sums of a batch of 40 and of 8 round otherwise; AdamW carries it through 15 steps
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for name, weight in live.head.state_dict().items():
        torch.testing.assert_close(cached.head.state_dict()[name], weight, atol=1e-4, rtol=1e-3)
    assert outcome.progress.scores["mAP"] > 0.3


def test_the_gradients_are_the_same():
    samples = toy_samples(toy_table(6))
    live, cached = _tower(), _tower()
    features = cache_features(cached, samples, np.arange(6))
    target = torch.randn(6, 12, generator=torch.Generator().manual_seed(0))
    live.train()
    (live(torch.stack([samples[row][1] for row in range(6)])) * target).sum().backward()
    (head_alone(cached)(torch.stack([features[row][1] for row in range(6)])) * target).sum().backward()
    torch.testing.assert_close(cached.head.weight.grad, live.head.weight.grad, atol=1e-6, rtol=1e-5)
    assert cached.head.weight.grad.abs().max() > 1e-3
    assert all(weight.grad is None for weight in live.encoder.parameters())


def test_features_are_those_of_evaluation_and_rows_that_cannot_be_read_are_left_out():
    rows = {
        "toy": [np.full((8, 2), value).tolist() for value in (1.0, 1000.0, 2.0)],
        "text": ["red"] * 3,
    }
    table = PairTable.from_dataset(
        Dataset.from_dict(rows), columns={"toy": "toy", "text": "text"}, specs={"toy": Toy()}
    )
    tower = _tower()
    features = cache_features(tower.train(), ModalityDataset(table, Toy(), on_error="skip"), np.arange(3))
    assert features.rows.tolist() == [0, 2] and len(features.remarks) == 1
    expected = tower.eval().encoder(torch.full((1, 8, 2), 2.0))[0]
    torch.testing.assert_close(features[2][1], expected)
    assert features[2][0] == 2 and features.features.dtype == torch.float32


def test_features_keep_the_promises_of_a_modality():
    spec = Features(name="toy", width=5)
    sample = spec.load(spec.synthetic(0))
    tensor = spec.transform(sample)
    assert tensor.shape == (5,) and torch.equal(spec.augment(tensor, torch.Generator()), tensor)
    assert torch.equal(spec.encoder()(spec.collate([tensor])), tensor[None])
