"""Tiny models of transformers with random weights, saved as their makers save them. For parity tests of hubs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as library

TEXTS = ["a dog", "two dogs and a cat", "an empty street at night, in the rain"]
LENGTH = 12  # tokens
RATE = 48_000

TEXT = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
TEXT |= {"num_attention_heads": 2, "max_position_embeddings": LENGTH, "pad_token_id": 0, "bos_token_id": 1}
TEXT |= {"eos_token_id": 2, "projection_dim": 16}
VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION |= {"image_size": 32, "patch_size": 8, "projection_dim": 16}


def seeded(build: Callable[[], Any]) -> Any:
    """What `build` returns, with the weights of seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def tokenizer(texts: list[str] = TEXTS, **options: Any) -> Any:
    """A tokenizer that knows the words of `texts`; case counts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "<s>", "</s>", "<unk>", *sorted(set(" ".join(texts).replace(",", " ,").split()))]
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return library.PreTrainedTokenizerFast(tokenizer_object=inner, **named, **({"model_max_length": LENGTH} | options))


def _square() -> dict[str, Any]:
    return {"height": 32, "width": 32}


def _clip_images() -> Any:
    return library.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_square())


def _clip() -> tuple[Any, Any]:
    config = library.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16)
    return library.CLIPModel(config), library.CLIPProcessor(_clip_images(), tokenizer())


def _siglip() -> tuple[Any, Any]:
    model = library.SiglipModel(library.SiglipConfig(text_config=TEXT, vision_config=VISION))
    words = tokenizer(model_input_names=["input_ids"])
    return model, library.SiglipProcessor(library.SiglipImageProcessor(size=_square()), words)


def _siglip2() -> tuple[Any, Any]:
    """NaFlex: pictures keep their proportions, as up to 16 patches."""
    vision = {**VISION, "num_patches": 16}
    model = library.Siglip2Model(library.Siglip2Config(text_config=TEXT, vision_config=vision))
    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *"▁abcdefghijklmnopqrstuvwxyz,"]
    words = library.Siglip2Tokenizer(vocab={letter: n for n, letter in enumerate(letters)}, model_max_length=LENGTH)
    return model, library.Siglip2Processor(library.Siglip2ImageProcessor(patch_size=8, max_num_patches=16), words)


def _align() -> tuple[Any, Any]:
    vision = {"image_size": 32, "kernel_sizes": [3, 3], "in_channels": [32, 16], "strides": [1, 2]}
    vision |= {"out_channels": [16, 24], "num_block_repeats": [1, 1], "expand_ratios": [1, 6]}
    model = library.AlignModel(library.AlignConfig(text_config=TEXT, vision_config=vision, projection_dim=48))
    images = library.EfficientNetImageProcessor(size=_square(), crop_size=_square())
    return model, library.AlignProcessor(images, tokenizer())


def _altclip() -> tuple[Any, Any]:
    text = {**TEXT, "max_position_embeddings": LENGTH + 1, "project_dim": 32}
    model = library.AltCLIPModel(library.AltCLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))
    return model, library.AltCLIPProcessor(_clip_images(), tokenizer())


def _chinese_clip() -> tuple[Any, Any]:
    config = library.ChineseCLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16)
    images = library.ChineseCLIPImageProcessor(size=_square(), crop_size=_square())
    return library.ChineseCLIPModel(config), library.ChineseCLIPProcessor(images, tokenizer())


def _metaclip2() -> tuple[Any, Any]:
    config = library.MetaClip2Config(text_config=TEXT, vision_config=VISION, projection_dim=16)
    return library.MetaClip2Model(config), library.CLIPProcessor(_clip_images(), tokenizer())


def _flava() -> tuple[Any, Any]:
    parts = {f"{part}_config": {**TEXT, **VISION} for part in ("image", "text", "multimodal")}
    model = library.FlavaModel(library.FlavaConfig(**parts, projection_dim=16, hidden_size=32))
    images = library.FlavaImageProcessor(size=_square(), crop_size=_square())
    return model, library.FlavaProcessor(images, tokenizer())


def _clap(*, fused: bool) -> tuple[Any, Any]:
    audio = {"spec_size": 256, "num_mel_bins": 64, "window_size": 8, "patch_size": 16, "patch_stride": [16, 16]}
    audio |= {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [2, 2], "hidden_size": 16}
    audio |= {"projection_dim": 16, "enable_fusion": fused, "fusion_num_hidden_layers": 1, "num_hidden_layers": 2}
    text = {**TEXT, "max_position_embeddings": LENGTH + 1}
    model = library.ClapModel(library.ClapConfig(text_config=text, audio_config=audio, projection_dim=16))
    sounds = library.ClapFeatureExtractor(
        sampling_rate=RATE, max_length_s=1, truncation="fusion" if fused else "rand_trunc"
    )
    return model, library.ClapProcessor(sounds, tokenizer())


def _blip2() -> tuple[Any, Any]:
    queries = {**TEXT, "encoder_hidden_size": 32, "cross_attention_frequency": 1, "use_qformer_text_input": True}
    language = {"model_type": "opt", "vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "ffn_dim": 16}
    language |= {"num_attention_heads": 2, "word_embed_proj_dim": 16}
    config = library.Blip2Config(
        vision_config={**VISION, "initializer_range": 0.3},  # 1e-10 by default
        qformer_config=queries,
        text_config=language,
        num_query_tokens=4,
        image_text_hidden_size=16,
    )
    model = library.Blip2ForImageTextRetrieval(config)
    for weights in (model.query_tokens, *model.qformer.parameters()):
        torch.nn.init.normal_(weights, std=0.3)  # else every query, and every picture, would be nearly the same
    return model, library.Blip2Processor(library.BlipImageProcessor(size=_square()), tokenizer())


def _pe_text() -> dict[str, Any]:
    text = {"model_type": "modernbert", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 32}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": LENGTH}
    return text | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}


_PE_LAYERS = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
_PE_LAYERS |= {"num_key_value_heads": 2, "head_dim": 16}
_PE_CODEC = {"encoder_hidden_size": 8, "downsampling_ratios": [8, 8], "codebook_dim": 8, "hop_length": 64}
_PE_AUDIO = {**_PE_LAYERS, "dac_config": _PE_CODEC}
_PE_PICTURES = {"architecture": "test_vit", "do_pooling": True, "num_classes": 8, "global_pool": "map"}
_PE_VIDEO = {**_PE_LAYERS, "vision_config": {**_PE_PICTURES, "model_args": {"img_size": 32}}}


def _pe_sounds() -> Any:
    return library.PeAudioFeatureExtractor(sampling_rate=RATE, hop_length=64)


def _pe_frames() -> Any:
    steps = dict.fromkeys(("do_resize", "do_rescale", "do_normalize"), True)
    return library.PeVideoVideoProcessor(size=_square(), image_mean=[0.5] * 3, image_std=[0.5] * 3, **steps)


def _pe_audio() -> tuple[Any, Any]:
    model = library.PeAudioModel(library.PeAudioConfig(text_config=_pe_text(), audio_config=_PE_AUDIO))
    return model, library.PeAudioProcessor(_pe_sounds(), tokenizer())


def _pe_video() -> tuple[Any, Any]:
    model = library.PeVideoModel(library.PeVideoConfig(text_config=_pe_text(), video_config=_PE_VIDEO))
    return model, library.PeVideoProcessor(_pe_frames(), tokenizer())


def _pe_audio_video() -> tuple[Any, Any]:
    both = {**_PE_LAYERS, "audio_config": _PE_AUDIO, "video_config": _PE_VIDEO}
    model = library.PeAudioVideoModel(library.PeAudioVideoConfig(text_config=_pe_text(), audio_video_config=both))
    return model, library.PeAudioVideoProcessor(_pe_sounds(), _pe_frames(), tokenizer())


FAMILIES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "clip": _clip,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "align": _align,
    "altclip": _altclip,
    "chinese_clip": _chinese_clip,
    "metaclip_2": _metaclip2,
    "flava": _flava,
    "blip-2": _blip2,
    "clap": lambda: _clap(fused=False),
    "clap, fused": lambda: _clap(fused=True),
    "pe_audio": _pe_audio,
    "pe_video": _pe_video,
    "pe_audio_video": _pe_audio_video,
}


def save_family(name: str, folder: Path) -> Path:
    """Write the model and processor of a family; its weights are those of seed 0."""
    model, processor = seeded(FAMILIES[name])
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
