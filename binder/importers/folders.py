"""Published model folders in transformers' layout: finding weights, taking tokenizers along. Floor: importers."""

import shutil
from pathlib import Path

from binder.errors import ArtifactError
from binder.storage import read_json, write_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = (
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


def find_weights(folder: Path) -> Path:
    """The file of weights in a model folder, safetensors first.

    Raises:
        ArtifactError: there is none, or they are in several parts.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise ArtifactError.explain(
        "no weights here",
        got=f"{folder} holds {sorted(path.name for path in folder.iterdir()) if folder.is_dir() else 'nothing'}",
        expected=" or ".join(WEIGHTS),
    )


def copy_tokenizer(source: Path, target: Path, kind: str) -> None:
    """Copy a tokenizer's files; its class becomes transformers' own, `kind`.

    Raises:
        ArtifactError: there is no tokenizer.
    """
    found = [source / name for name in _TOKENIZER if (source / name).is_file()]
    if not found:
        raise ArtifactError.explain(
            "no tokenizer here",
            got=source,
            expected=f"one of {', '.join(_TOKENIZER)}",
            fix="download the whole repository",
        )
    for path in found:
        shutil.copy(path, target / path.name)
    own = source / "tokenizer_config.json"
    settings = read_json(own) if own.is_file() else {}
    write_json(target / "tokenizer_config.json", {**settings, "tokenizer_class": kind})
