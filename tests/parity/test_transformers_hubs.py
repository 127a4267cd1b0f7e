"""Every family of transformers that `TransformersHub` knows gives what the library's own forward gives."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import FAMILIES, LENGTH, RATE, TEXTS, save_family
from torch import Tensor
from torch.nn.functional import normalize

from binder.check import check_hub
from binder.errors import HubError
from binder.hub import open_hub
from binder.hub.logits import Logits

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((40, 50), (64, 33), (20, 20))]
SOUNDS = [(0.1 * RNG.standard_normal((length, 1))).astype(np.float32) for length in (RATE, RATE // 2, RATE // 5)]
VIDEOS = [RNG.integers(0, 256, (frames, 40, 50, 3), dtype=np.uint8) for frames in (4, 4, 6)]
SAMPLES = {"text": TEXTS, "image": IMAGES, "audio": SOUNDS, "video": VIDEOS}
PERCEPTION = ("pe_audio", "pe_video", "pe_audio_video")
SOUND_FAMILIES = ("clap", "clap, fused")
TOLERANCE = 1e-5  # float32 sums in another order; vectors are of length 1


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory) -> SimpleNamespace:
    from transformers import AutoModel, AutoProcessor, Blip2ForImageTextRetrieval

    folder = save_family(request.param, tmp_path_factory.mktemp("family") / "tiny")
    kind: Any = Blip2ForImageTextRetrieval if request.param == "blip-2" else AutoModel
    processor = AutoProcessor.from_pretrained(folder)
    return SimpleNamespace(name=request.param, folder=folder, model=kind.from_pretrained(folder), processor=processor)


def _inputs(family: SimpleNamespace) -> dict[str, Tensor]:
    """What the library's own processor makes of texts and of pictures or sounds, at once."""
    texts = [text.lower() for text in TEXTS]
    tokens = family.processor.tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    )
    if family.name in PERCEPTION:
        return dict(tokens)
    if family.name not in SOUND_FAMILIES:
        pictures = [Image.fromarray(image) for image in IMAGES]
        return {**tokens, **family.processor.image_processor(pictures, return_tensors="pt")}
    extract = family.processor.feature_extractor
    given = extract([sound[:, 0] for sound in SOUNDS], sampling_rate=RATE, return_tensors="pt")
    if "is_longer" in given:
        given["is_longer"] = torch.zeros(3, 1, dtype=torch.bool)  # the library would throw dice: none is longer
    return {**tokens, **given}


@torch.no_grad()
def _by_hand(family: SimpleNamespace) -> dict[str, Tensor]:
    """Vectors out of the library's own forward, by modality, not of length 1."""
    inputs, model = _inputs(family), family.model.eval()
    if family.name == "flava":  # its forward stops before the projection
        seen = model.image_model(pixel_values=inputs["pixel_values"]).last_hidden_state
        read = model.text_model(**{name: inputs[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
        return {"image": model.image_projection(seen[:, 0]), "text": model.text_projection(read[:, 0])}
    inputs.pop("token_type_ids", None) if family.name != "align" else None
    if family.name in PERCEPTION:
        return _perception(family, inputs)
    outputs = model(**inputs)
    if family.name == "blip-2":
        return {"image": outputs.image_embeds.mean(dim=1), "text": outputs.text_embeds}
    other = "audio" if family.name in SOUND_FAMILIES else "image"
    return {other: outputs[f"{other}_embeds"], "text": outputs.text_embeds}


def _perception(family: SimpleNamespace, tokens: dict[str, Tensor]) -> dict[str, Tensor]:
    """One by one: its padding is not masked before the codec's convolutions."""
    text_embeds = family.name.replace("pe_", "text_") + "_embeds"
    found: dict[str, list[Tensor]] = {name: [] for name in ("audio", "video", "text") if name in family.name + "text"}
    for row, (sound, video) in enumerate(zip(SOUNDS, VIDEOS, strict=True)):
        given = {name: tokens[name][row : row + 1] for name in ("input_ids", "attention_mask")}
        if "audio" in family.name:
            given["input_values"] = torch.from_numpy(sound.T.copy())[None]
            given["padding_mask"] = torch.ones(1, len(sound), dtype=torch.long)
        if "video" in family.name:
            frames = family.processor.video_processor([video], do_sample_frames=False, return_tensors="pt")
            given["pixel_values_videos"] = frames["pixel_values_videos"]
        outputs = family.model(**given)
        for modality, parts in found.items():
            parts.append(outputs[text_embeds if modality == "text" else f"{modality}_embeds"])
    return {modality: torch.cat(parts) for modality, parts in found.items()}


def test_a_family_gives_the_vectors_of_its_library(family):
    hub, expected = open_hub(f"transformers:{family.folder}"), _by_hand(family)
    assert hub.native == tuple(expected)
    for modality, vectors in expected.items():
        given = hub.embed(modality, SAMPLES[modality])
        torch.testing.assert_close(given, normalize(vectors, dim=-1), atol=TOLERANCE, rtol=0)
        assert given.shape[1] == hub.dim and (given[0] - given[1]).abs().max() > 10 * TOLERANCE
        alone = torch.cat([hub.embed(modality, [sample]) for sample in SAMPLES[modality]])
        torch.testing.assert_close(given, alone, atol=TOLERANCE, rtol=0)
    hub.check_frozen()


LOGITS = {
    "clip": Logits(scale=np.exp(2.6592)),
    "metaclip_2": Logits(scale=np.exp(2.6592)),
    "align": Logits(scale=1.0),  # its temperature begins at 1
    "clap": Logits(scale=1 / 0.07),
    "blip-2": Logits(),
}


def test_the_scale_is_told_and_not_in_the_vectors(family):
    hub = open_hub(f"transformers:{family.folder}")
    expected = LOGITS.get(family.name)
    if expected is not None:
        assert hub.logits.bias == expected.bias
        assert hub.logits.scale == (expected.scale and pytest.approx(expected.scale, rel=1e-3))
    changed = {
        name: weight for name, weight in family.model.named_parameters() if name in ("logit_scale", "temperature")
    }
    if changed:
        before = hub.embed("text", TEXTS)
        with torch.no_grad():
            dict(hub._model.named_parameters())[next(iter(changed))].mul_(3)
        assert torch.equal(hub.embed("text", TEXTS), before)


def test_siglip_reads_lower_case_whatever_its_tokenizer_does(tmp_path):
    """SigLIP 2's fixed sizes are SigLIP models with Gemma's tokenizer, which keeps capitals."""
    for name in ("siglip", "siglip2"):
        hub = open_hub(f"transformers:{save_family(name, tmp_path / name)}")
        assert torch.equal(hub.embed("text", ["A DOG", "Two dogs"]), hub.embed("text", ["a dog", "two dogs"]))
    cased = open_hub(f"transformers:{save_family('clip', tmp_path / 'clip')}")
    assert not torch.equal(cased.embed("text", ["A DOG"]), cased.embed("text", ["a dog"]))


@pytest.mark.parametrize(("name", "seconds"), [("clap", 1), ("clap, fused", 3), ("pe_audio", 3)])
def test_sounds_are_read_at_the_rate_of_the_extractor_and_no_longer_than_it_hears(tmp_path, name, seconds):
    hub = open_hub(f"transformers:{save_family(name, tmp_path / 'model')}")
    spec = hub.spec("audio")
    assert spec.contract.rate_hz == RATE
    tone = np.sin(np.arange(3 * 16_000) / 16_000 * 2 * np.pi * 440).astype(np.float32)
    assert len(spec.load({"array": tone, "sampling_rate": 16_000})) == seconds * RATE
    with pytest.raises(HubError, match=r"cannot embed this sound[\s\S]*float32 \(time, 1\)"):
        hub.embed("audio", [tone])


def test_a_hub_of_sounds_keeps_every_promise_of_hubs(tmp_path):
    hub = open_hub(f"transformers:{save_family('clap', tmp_path / 'model')}")
    assert [line.detail for line in check_hub(hub) if not line.passed] == []


def test_sounds_of_several_lengths_come_back_in_their_order(tmp_path):
    hub = open_hub(f"transformers:{save_family('pe_audio', tmp_path / 'model')}")
    sounds = [*SOUNDS, SOUNDS[0][::-1].copy()]
    alone = torch.cat([hub.embed("audio", [sound]) for sound in sounds])
    torch.testing.assert_close(hub.embed("audio", sounds), alone, atol=TOLERANCE, rtol=0)


def test_a_model_without_its_own_texts_is_refused(tmp_path):
    from transformers import CLIPVisionConfig, CLIPVisionModel

    CLIPVisionModel(CLIPVisionConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(
        tmp_path
    )
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "CLIPImageProcessor"}')
    with pytest.raises(HubError, match="a dual encoder with get_image_features"):
        open_hub(f"transformers:{tmp_path}")


COPYABLE = ("clip", "siglip", "chinese_clip")


def test_the_image_tower_can_be_copied_or_the_hub_says_that_it_cannot(family):
    from binder.towers.image_networks import build_image_network

    hub = open_hub(f"transformers:{family.folder}")
    if family.name not in COPYABLE:
        with pytest.raises(HubError, match="no image tower that can be copied"):
            hub.image_tower()
        return
    tower = hub.image_tower()
    network = build_image_network(tower.architecture).eval()
    network.load_state_dict(tower.weights)
    with torch.no_grad():
        vectors = normalize(network(_inputs(family)["pixel_values"]), dim=-1)
    torch.testing.assert_close(vectors, hub.embed("image", IMAGES), atol=TOLERANCE, rtol=0)


def test_every_family_was_tried():
    assert len(FAMILIES) == 14
