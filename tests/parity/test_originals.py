"""Imported towers against the original repositories' own code.

Set BINDER_ORIGINALS to a folder that holds their packages, as `pip download --no-deps` and unpacking gives them:
imagebind (PyPI imagebind-packaged 0.1.2), languagebind (PyPI languagebind 0.1.0) and laion_clap (PyPI laion-clap
1.1.7). Skipped without it.
"""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import imagebind_oracle
import languagebind_oracle
import pytest
import torch
import transformers
from torch.nn.functional import normalize

from binder.importers import import_layout
from binder.importers.clap import audio_config, swin
from binder.importers.languagebind import read_branch
from binder.importers.state import State
from binder.towers.languagebind import LanguageBindEncoder

TOLERANCE = {"atol": 1e-4, "rtol": 0.0}


def _package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `name` importable without running its __init__, which loads video libraries."""
    root = os.environ.get("BINDER_ORIGINALS")
    found = None if root is None else next(Path(root).rglob(f"{name}/__init__.py"), None)
    if found is None:
        pytest.skip(f"no original code of {name}: set BINDER_ORIGINALS, see this file's head")
    module = ModuleType(name)
    module.__path__ = [str(found.parent)]
    monkeypatch.setitem(sys.modules, name, module)


def _stub(name: str, monkeypatch: pytest.MonkeyPatch, **attributes) -> None:
    """Stand in for a module that the original imports and does not need here."""
    for end in range(1, name.count(".") + 2):
        part = ".".join(name.split(".")[:end])
        monkeypatch.setitem(sys.modules, part, sys.modules.get(part, ModuleType(part)))
    for key, value in attributes.items():
        monkeypatch.setattr(sys.modules[name], key, value, raising=False)


@pytest.mark.filterwarnings("ignore")
def test_imagebind(tmp_path, monkeypatch):
    _package("imagebind", monkeypatch)
    _stub("iopath.common.file_io", monkeypatch, g_pathmgr=None)
    original = importlib.import_module("imagebind.models.imagebind_model")
    widths, blocks = imagebind_oracle.WIDTHS, imagebind_oracle.BLOCKS
    sizes = {f"{name}_embed_dim": width for name, width in widths.items()}
    counts = {f"{name}_num_blocks": blocks for name in widths}
    heads = {f"{name}_num_heads": count for name, count in imagebind_oracle.HEADS.items()}
    model = original.ImageBindModel(out_embed_dim=imagebind_oracle.DIM, **sizes, **counts, **heads).eval()
    state = imagebind_oracle.random_state()
    model.load_state_dict(state)  # strict: the oracle's names and shapes are the release's
    torch.save(model.state_dict(), tmp_path / "imagebind_huge.pth")
    space = import_layout("imagebind", tmp_path / "imagebind_huge.pth", tmp_path / "out").space
    for name, checkpoint in space.towers.items():
        spec = checkpoint.spec
        batch = spec.collate([spec.transform(spec.load(spec.synthetic(seed))) for seed in range(2)])
        with torch.no_grad():
            expected = model({name: imagebind_oracle.released_input(name, batch)})[name]
            torch.testing.assert_close(checkpoint.tower(batch), normalize(expected, dim=-1), **TOLERANCE)
        assert expected.norm(dim=-1).mean() > 2  # the release's own vectors carry their multiplier
    image = space.hub.spec("image").synthetic(0)
    with torch.no_grad():
        expected = model({"vision": space.hub.prepare("image", image)[None]})["vision"]
        torch.testing.assert_close(space.hub.embed("image", [image]), expected, **TOLERANCE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["Audio", "Depth", "Video"])
def test_languagebind(kind, tmp_path, monkeypatch):
    """All branches through the code of the video branch, which has all that the others have."""
    _package("languagebind", monkeypatch)
    for module in ("transformers", "transformers.utils"):  # decorators that newer releases have dropped
        for name in ("add_start_docstrings", "add_start_docstrings_to_model_forward", "replace_return_docstrings"):
            as_it_is = lambda *_, **__: lambda decorated: decorated  # noqa: E731
            monkeypatch.setattr(importlib.import_module(module), name, as_it_is, raising=False)
    original = importlib.import_module("languagebind.video.modeling_video")
    config, state = languagebind_oracle.branch(kind, seed=2)
    transformer = _languagebind_trunk(original, config["vision_config"])
    prefix = "vision_model."
    trunk = {name.removeprefix(prefix): weight for name, weight in state.items() if name.startswith(prefix)}
    transformer.load_state_dict(trunk)  # strict: the oracle's names and shapes are the release's
    folder = languagebind_oracle.save_branch(tmp_path / kind, config, state)
    imported = read_branch(kind.lower(), folder, {}, {})
    options = {**imported.encoder, "grey": False, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    del options["name"]
    encoder = LanguageBindEncoder(**{**options, "size": tuple(options["size"])}).eval()
    encoder.load_state_dict(dict(imported.weights))
    size = (112, 1036) if kind == "Audio" else (224, 224)
    time = (languagebind_oracle.FRAMES,) if kind == "Video" else ()
    x = torch.randn(2, 3, *time, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled = transformer(x, return_dict=True).pooler_output
        expected = normalize(pooled @ state["visual_projection.weight"].T, dim=-1)
        torch.testing.assert_close(normalize(encoder(x), dim=-1), expected, **TOLERANCE)


def _languagebind_trunk(original: ModuleType, vision: dict) -> torch.nn.Module:
    """The original's transformer, adapted and resized as its own `convert_to_lora` and `resize_pos` do."""
    config = original.CLIPVisionConfig(**vision)
    config._attn_implementation = "eager"
    for name in ("output_attentions", "output_hidden_states", "use_return_dict"):  # of older transformers
        if not hasattr(config, name):
            setattr(config, name, name == "use_return_dict")
    trunk = original.CLIPVisionTransformer(config)
    if not vision["add_time_attn"]:  # this file makes them for video alone
        trunk.embeddings = original.CLIPVisionEmbeddings(config)
    owner = SimpleNamespace(
        vision_model=trunk, lora_r=vision["lora_r"], lora_alpha=vision["lora_alpha"], lora_dropout=0.0,
        add_time_attn=vision["add_time_attn"],
    )  # fmt: skip
    original.LanguageBindVideo.convert_to_lora(owner)
    original.LanguageBindVideo.resize_pos(owner, trunk.embeddings, config)
    return trunk.eval()


class _Through(torch.nn.Module):
    """In the place of LAION's spectrograms and masks: what goes in is a log-mel picture already."""

    def __init__(self, *_, **__) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fusion", [False, True])
def test_laions_htsat(fusion, monkeypatch):
    """The names of LAION's audio branch, and its vectors of one picture; a sound of ten seconds is not fused."""
    _package("laion_clap", monkeypatch)
    _stub("torchlibrosa.stft", monkeypatch, Spectrogram=_Through, LogmelFilterBank=_Through)
    _stub("torchlibrosa.augmentation", monkeypatch, SpecAugmentation=_Through)
    _stub("h5py", monkeypatch)
    clap_module = ModuleType("laion_clap.clap_module")
    clap_module.__path__ = [str(Path(sys.modules["laion_clap"].__path__[0]) / "clap_module")]
    monkeypatch.setitem(sys.modules, "laion_clap.clap_module", clap_module)
    htsat = importlib.import_module("laion_clap.clap_module.htsat")
    settings = SimpleNamespace(mel_bins=64, window_size=1024, hop_size=480, sample_rate=48_000, fmin=50, fmax=14_000)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        original = htsat.HTSAT_Swin_Transformer(
            embed_dim=16, depths=[1, 2, 1, 1], num_heads=[1, 2, 2, 4], config=settings, num_classes=5,
            enable_fusion=fusion, fusion_type="aff_2d" if fusion else "None",
        ).eval()  # fmt: skip
        for name, weight in original.state_dict().items():
            if weight.is_floating_point() and not name.endswith("attn_mask"):  # which is no weight: 0 and -100
                weight.add_(0.1 * torch.rand_like(weight) if "var" in name else 0.1 * torch.randn_like(weight))
    state = State(original.state_dict(), "laion")
    config = transformers.ClapAudioConfig(**audio_config(state))
    ours = transformers.ClapAudioModel(config).eval()
    weights = {name.removeprefix("audio_model."): weight for name, weight in swin(state).items()}
    ours.load_state_dict(weights)
    mel = torch.randn(2, 4 if fusion else 1, 1001, 64, generator=torch.Generator().manual_seed(0))
    given = {"mel_fusion": mel, "longer": torch.zeros(2, 1, dtype=torch.bool)} if fusion else {"waveform": mel}
    with torch.no_grad():
        expected = original(given)["embedding"]
        found = ours(mel, is_longer=torch.zeros(2, 1, dtype=torch.bool)).pooler_output
    torch.testing.assert_close(normalize(found, dim=-1), normalize(expected, dim=-1), **TOLERANCE)
