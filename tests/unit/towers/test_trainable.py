"""What learns is what was asked for: blocks are found, the rest is frozen, LoRA merges into the weights it adapts."""

import sys

import pytest
import timm
import torch
from image_hubs import TransformersImages
from torch import nn
from toys import Toy

from binder.config import LoraConfig
from binder.errors import ConfigError
from binder.registry import create_modality
from binder.towers import Tower, build_tower
from binder.towers.trainable import choose_trained, count_weights, find_blocks, merge_adapters

LORA = LoraConfig(rank=2, alpha=4)


class Attentive(nn.Module):
    """A small transformer of `nn.MultiheadAttention`, as in open_clip."""

    def __init__(self, width: int = 16, dropout: float = 0.5) -> None:
        super().__init__()
        self.width = width
        self.patches = nn.Conv1d(2, width, 2, stride=2)
        self.layers = nn.ModuleList(Layer(width, dropout) for _ in range(3))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x.mT).mT
        for layer in self.layers:
            x = layer(x)
        return self.norm(x).mean(1)


class Layer(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return x + self.mlp(x)


def _tower(modality: str = "attentive") -> Tower:
    if modality == "attentive":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Tower(Toy(), Attentive(), 8)
    return build_tower(create_modality(modality), 8)


def _batch(tower: Tower) -> torch.Tensor:
    spec = tower.spec
    return spec.collate([spec.transform(spec.synthetic(seed)) for seed in range(4)])


def _learn(tower: Tower, steps: int = 3) -> set[str]:
    """Train a little, and name the weights and buffers that moved."""
    before = {name: tensor.clone() for name, tensor in tower.state_dict().items()}
    learning = [weight for weight in tower.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=0.05, weight_decay=0.1)
    batch, target = _batch(tower), torch.randn(4, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        tower.train()
        (tower(batch) - target).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    tower.eval()
    # peft adds its update to attention weights and takes it off again in each forward: rounding stays behind
    return {name for name, tensor in tower.state_dict().items() if (tensor - before[name]).abs().max() > 1e-6}


@pytest.mark.parametrize("trained", ["full", "head", "last:1", "last:2", "lora"])
def test_only_what_was_named_moves(trained):
    tower = _tower()
    everything = {name for name, _ in tower.named_parameters()}
    choose_trained(tower, trained, lora=LORA, seed=0)
    moved = _learn(tower)
    head = {"head.weight", "head.bias"}
    blocks = {"last:1": ("layers.2.",), "last:2": ("layers.1.", "layers.2.")}.get(trained, ())
    expected = {
        "full": everything,
        "head": head,
        "lora": head | {name for name in tower.state_dict() if "lora_" in name},
    }.get(trained, head | {name for name in everything if name.removeprefix("encoder.").startswith(blocks)})
    assert moved == expected and moved


@pytest.mark.parametrize(("trained", "learning"), [("head", ()), ("last:1", ("layers.2",))])
def test_what_is_frozen_stays_in_evaluation_mode(trained, learning):
    tower = _tower()
    choose_trained(tower, trained, lora=LORA, seed=0)
    tower.train()
    modes = {path: module.training for path, module in tower.encoder.named_modules() if path}
    assert {path for path, training in modes.items() if training} == {
        path for path in modes if learning and path.startswith(learning)
    }
    assert tower.training and tower.head.training and not tower.eval().head.training


def test_dropout_of_the_adapters_is_on_in_training_only():
    tower = _tower("thermal")
    choose_trained(tower, "lora", lora=LoraConfig(rank=2, dropout=0.5), seed=0)
    _set_updates(tower)
    batch = _batch(tower)
    assert not torch.equal(tower.train()(batch), tower(batch))
    assert torch.equal(tower.eval()(batch), tower(batch))


def _set_updates(tower: Tower) -> None:
    """Make the updates matter: peft starts them at zero."""
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, weight in tower.encoder.named_parameters():
            if "lora_B" in name:
                weight.copy_(0.5 * torch.randn(weight.shape, generator=chance))


@pytest.mark.parametrize("modality", ["attentive", "audio", "depth", "imu", "text", "thermal"])
def test_adapters_start_as_nothing_and_merge_into_the_same_vectors(modality):
    tower = _tower(modality).eval()
    batch, names = _batch(tower), set(tower.state_dict())
    plain = tower(batch).detach()
    choose_trained(tower, "lora", lora=LORA, seed=0)
    torch.testing.assert_close(tower.eval()(batch), plain, atol=1e-6, rtol=0)
    _set_updates(tower)
    with torch.inference_mode():  # as in validation, where torch may take faster paths
        apart = tower(batch).clone()
    assert (apart - plain).abs().max() > 1e-2
    merge_adapters(tower)
    torch.testing.assert_close(tower.eval()(batch), apart, atol=1e-5, rtol=0)  # two products become one
    assert set(tower.state_dict()) == names


def test_targets_choose_the_layers():
    tower = _tower()
    choose_trained(tower, "lora", lora=LoraConfig(rank=2, targets=["mlp.0"]), seed=0)
    adapted = {name.split(".lora_")[0] for name, weight in tower.encoder.named_parameters() if weight.requires_grad}
    assert adapted == {f"layers.{number}.mlp.0" for number in range(3)}
    learned, total = count_weights(tower)
    assert learned == 3 * 2 * (16 + 16) + 8 * 16 + 8 and total > learned
    with pytest.raises(ConfigError, match="finds no layer") as caught:
        choose_trained(_tower(), "lora", lora=LoraConfig(targets=["q_proj"]), seed=0)
    assert "layers.0.attention" in str(caught.value) and "out_proj" not in str(caught.value)


def test_blocks_are_found_in_networks_of_every_library():
    counts = {
        "ours": [len(find_blocks(_tower(name).encoder)) for name in ("thermal", "depth", "imu", "text", "skeleton")],
        "timm": [len(find_blocks(timm.create_model(name))) for name in ("test_vit", "resnet18", "test_convnext")],
        "transformers": [len(find_blocks(TransformersImages(kind)._model.vision_model)) for kind in ("clip", "siglip")],
    }
    assert counts == {"ours": [4, 4, 3, 4, 3], "timm": [6, 8, 9], "transformers": [2, 2]}
    clip = create_modality("depth", num_frames=4).encoder()
    assert find_blocks(clip)[-2:] == ["over_time.stages.0", "over_time.stages.1"]
    assert find_blocks(timm.create_model("resnet18"))[-1] == "layer4.1"


def test_more_blocks_than_there_are_is_an_error_that_lists_the_choices():
    with pytest.raises(ConfigError, match="last:3") as caught:
        choose_trained(_tower(), "last:4", lora=LORA, seed=0)
    assert "last:4" not in str(caught.value).split("choices")[1]
    with pytest.raises(ConfigError, match="with 0 blocks"):
        choose_trained(build_tower(Toy(), 8), "last:1", lora=LORA, seed=0)


def test_without_peft_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"hub-binder\[lora\]"):
        choose_trained(_tower(), "lora", lora=LORA, seed=0)


def test_attention_refuses_dropout_of_adapters_in_its_own_words():
    with pytest.raises(ConfigError, match="does not fit the encoder of toy"):
        choose_trained(_tower(), "lora", lora=LoraConfig(dropout=0.1), seed=0)
