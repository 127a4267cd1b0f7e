"""One small hub of every registered scheme, and of every kind of sample, that opens without network: random weights.

For tests over all schemes. A hub whose library is not installed is left out, and the test says so with a count.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from image_hubs import open_clip_hub

from binder.hub.vector_files import write_vectors
from modalities.text.show import synthesise_text


def _open_clip(folder: Path) -> str:
    return open_clip_hub(folder / "model", "vit").name


def _playground(folder: Path) -> str:
    del folder
    return "playground:clip"


def _precomputed(folder: Path) -> str:
    """Vectors of a picture, five texts, and sounds that are known by their names."""
    chance = np.random.default_rng(0)
    texts = ["a dog", "two dogs and a cat", "an empty street at night", "rain", "nobody"]
    sounds = [folder / f"{number}.wav" for number in range(5)]
    for number, path in enumerate(sounds):
        path.write_bytes(bytes([number]))
    items = {"text": (texts, chance.normal(size=(5, 8))), "audio": (sounds, chance.normal(size=(5, 8)))}
    write_vectors(folder / "vectors.parquet", items, model="by hand")
    return f"precomputed:{folder / 'vectors.parquet'}"


def _timm(folder: Path) -> str:
    import timm
    from tiny_models import seeded

    model = seeded(lambda: timm.create_model("test_vit"))
    timm.models.save_for_hf(model, folder / "model", safe_serialization=True)
    return f"timm:{folder / 'model'}"


def _transformers(family: str) -> Callable[[Path], str]:
    def save(folder: Path) -> str:
        from tiny_models import save_family, tokenizer

        saved = save_family(family, folder / "model")
        if family == "clip":  # which looks at one position: it must know the words that the check uses
            tokenizer([synthesise_text(seed) for seed in range(5)]).save_pretrained(saved)
        return f"transformers:{saved}"

    return save


def _sentence_transformers(folder: Path) -> str:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tiny_models import seeded, tokenizer
    from transformers import BertConfig, BertModel

    bert = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    seeded(lambda: BertModel(bert)).save_pretrained(folder / "bert")
    tokenizer(model_max_length=12).save_pretrained(folder / "bert")
    model = SentenceTransformer(modules=[Transformer(str(folder / "bert")), Pooling(32)], device="cpu")
    model.save(str(folder / "model"))
    return f"sentence-transformers:{folder / 'model'}"


# name of the test -> (scheme, what saves a hub in an empty folder and gives its name)
LOCAL_HUBS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "open_clip": ("open_clip", _open_clip),
    "playground": ("playground", _playground),
    "precomputed": ("precomputed", _precomputed),
    "sentence-transformers": ("sentence-transformers", _sentence_transformers),
    "timm": ("timm", _timm),
    "transformers, images": ("transformers", _transformers("clip")),
    "transformers, sounds": ("transformers", _transformers("clap")),
    "transformers, any size": ("transformers", _transformers("siglip2")),
}
