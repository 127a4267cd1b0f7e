"""Multimodal models and prompts of sentence-transformers give what `encode` gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import RATE, TEXTS, save_family, seeded, tokenizer
from torch.nn.functional import normalize

from binder.errors import HubError
from binder.hub import open_hub

library = pytest.importorskip("sentence_transformers")

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 50), (64, 33), (20, 20))]
SOUNDS = [(0.1 * RNG.standard_normal((length, 1))).astype(np.float32) for length in (RATE, RATE // 2, RATE // 5)]
TOLERANCE = 1e-5  # float32 sums in another order; vectors are of length 1


def _saved(folder: Path, family: str) -> tuple[Any, Path]:
    from sentence_transformers.base.modules import Transformer

    model = library.SentenceTransformer(modules=[Transformer(str(save_family(family, folder / "model")))], device="cpu")
    model.save(str(folder / "saved"))
    return model, folder / "saved"


def _bert(folder: Path, **options: Any) -> tuple[Any, Path]:
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel

    bert = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    seeded(lambda: BertModel(bert)).save_pretrained(folder / "bert")
    tokenizer([*TEXTS, "query : passage"]).save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(32)]
    model = library.SentenceTransformer(modules=modules, device="cpu", **options)
    model.save(str(folder / "saved"))
    return model, folder / "saved"


def _expected(model: Any, samples: list[Any], **options: Any) -> torch.Tensor:
    vectors = model.encode(samples, convert_to_tensor=True, show_progress_bar=False, **options)
    return normalize(vectors.clone(), dim=-1)


def test_images_and_texts_of_a_clip(tmp_path):
    model, folder = _saved(tmp_path, "clip")
    hub = open_hub(f"sentence-transformers:{folder}")
    assert hub.native == ("image", "text") and hub.dim == 16
    pictures = [Image.fromarray(image) for image in IMAGES]
    torch.testing.assert_close(hub.embed("image", IMAGES), _expected(model, pictures), atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(hub.embed("text", TEXTS), _expected(model, TEXTS), atol=TOLERANCE, rtol=0)
    hub.check_frozen()


def test_a_text_that_looks_like_a_picture_is_a_text(tmp_path):
    _, folder = _saved(tmp_path, "clip")
    Image.fromarray(IMAGES[0]).save(tmp_path / "dog.png")
    hub = open_hub(f"sentence-transformers:{folder}")
    strange = [f"{tmp_path}/dog.png", "http://127.0.0.1:1/dog.png"]
    vectors = hub.embed("text", strange)
    assert vectors.shape == (2, 16)
    assert float((vectors[0] * hub.embed("image", [IMAGES[0]])[0]).sum()) < 0.999


def test_sounds_of_a_clap_are_read_at_its_rate_and_without_dice(tmp_path):
    model, folder = _saved(tmp_path, "clap")
    hub = open_hub(f"sentence-transformers:{folder}")
    assert hub.native == ("audio", "text") and hub.spec("audio").contract.rate_hz == RATE
    given = [{"array": sound[:, 0], "sampling_rate": RATE} for sound in SOUNDS]
    torch.testing.assert_close(hub.embed("audio", SOUNDS), _expected(model, given), atol=TOLERANCE, rtol=0)
    long = (0.1 * RNG.standard_normal((3 * RATE, 1))).astype(np.float32)
    assert torch.equal(hub.embed("audio", [long]), hub.embed("audio", [long]))
    torch.testing.assert_close(
        hub.embed("audio", [long]), hub.embed("audio", [long[RATE : 2 * RATE]]), atol=TOLERANCE, rtol=0
    )


def test_prompts_are_put_before_texts_and_into_the_fingerprint(tmp_path):
    model, folder = _bert(tmp_path, prompts={"query": "query : ", "passage": "passage : "})
    name = f"sentence-transformers:{folder}"
    hubs = {
        "": open_hub(name),
        "query : ": open_hub(name, prompt_name="query"),
        "passage : ": open_hub(name, prompt="passage : "),
    }
    for prompt, hub in hubs.items():
        expected = _expected(model, TEXTS, prompt=prompt)
        torch.testing.assert_close(hub.embed("text", TEXTS), expected, atol=TOLERANCE, rtol=0)
    assert len({hub.fingerprint for hub in hubs.values()}) == 3
    with pytest.raises(HubError, match=r"no such prompt[\s\S]*choices:.*query.*passage"):
        open_hub(name, prompt_name="querry")
    with pytest.raises(HubError, match="two prompts"):
        open_hub(name, prompt_name="query", prompt="query : ")


def test_a_default_prompt_holds_unless_it_is_emptied(tmp_path):
    model, folder = _bert(tmp_path, prompts={"query": "query : "}, default_prompt_name="query")
    name = f"sentence-transformers:{folder}"
    with_default, without = open_hub(name), open_hub(name, prompt="")
    expected = _expected(model, TEXTS, prompt_name="query")
    torch.testing.assert_close(with_default.embed("text", TEXTS), expected, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(without.embed("text", TEXTS), _expected(model, TEXTS, prompt=""), atol=TOLERANCE, rtol=0)
    assert with_default.fingerprint != without.fingerprint
