"""(e) Encoding images/s from JPEG files: `Space.encode` and hub caching against the peers' own loops.

open_clip: as in its README, picture by picture, batches of 32, float32. sentence-transformers: `encode` of opened
pictures, its defaults. The raw forward is what the hub's network does with pixels that lie ready.
"""

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import open_clip
import torch
import transformers
from PIL import Image as Pillow
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.measure import take_turns
from benchmarks.pictures import open_random_hub, table_of, write_pictures
from benchmarks.report import Goal, Part
from benchmarks.settings import SEED, Settings
from binder import Space
from binder.hub.cache import build_hub_cache
from binder.hub.precision import has_bfloat16
from modalities.image import Image

ENCODE, CACHE, RAW = "binder, Space.encode", "binder, hub caching", "raw forward"
READ = "decode and prepare alone, one thread"
OPEN_CLIP, SENTENCES = "open_clip, its loop", "sentence-transformers, encode"


def run(settings: Settings) -> Part:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        home, spec = Path(folder), Image()
        paths = write_pictures(home, settings.num_images)
        space = Space(open_random_hub(home / "hub", settings), device=settings.device)
        peer = _open_clip_loop(home / "hub", paths, settings)
        steps: dict[str, Callable[[], object]] = {
            OPEN_CLIP: peer,
            SENTENCES: _sentence_transformers(home / "st", paths, settings),
            ENCODE: lambda: space.encode(image=paths, batch_size=settings.batch),
            CACHE: _caching(home, space, paths, settings),
            RAW: _raw(space, settings),
            READ: lambda: [space.hub.prepare("image", spec.load(path)) for path in paths],
        }
        cosine = float((torch.from_numpy(space.encode(image=paths)["image"]) * peer()).sum(1).min())
        timings = take_turns(steps, settings.rounds, settings.device)
    best_peer = min(timings[OPEN_CLIP].median, timings[SENTENCES].median)
    precision = space.hub.precision
    rows = [
        {
            "loop": name,
            "precision": "float32" if name in (OPEN_CLIP, SENTENCES) else "" if name == READ else precision,
            **timing.rate(settings.num_images, "images/s"),
            "x the faster peer": best_peer / timing.median,
            "of the raw forward": timings[RAW].median / timing.median,
        }
        for name, timing in timings.items()
    ]
    units = has_bfloat16(torch.device(settings.device))
    shared = "" if settings.device != "cpu" else "decoding and preparing takes its share of the same cores"
    cause = "" if units else "no units for bfloat16 here, so `precision: auto` stays in float32, as the peers do"
    width, _, patch = settings.hub
    return Part(
        name="encoding",
        title=f"(e) Encoding {settings.num_images} JPEG files of 640 x 480, hub of width {width}, patch {patch}",
        rows=rows,
        goals=[
            Goal.least("smallest cosine of Space.encode to open_clip", cosine, 0.999),
            *(
                goal
                for name in (ENCODE, CACHE)
                for goal in (
                    Goal.least(f"{name}, times the faster peer", best_peer / timings[name].median, 3, cause=cause),
                    Goal.least(
                        f"{name}, of the raw forward", timings[RAW].median / timings[name].median, 0.95, cause=shared
                    ),
                )
            ),
        ],
    )


def _open_clip_loop(folder: Path, paths: list[str], settings: Settings) -> Callable[[], Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)  # the hub's weights
        model, _, prepare = open_clip.create_model_and_transforms(f"local-dir:{folder}", load_weights=False)
    model.eval().to(settings.device)

    @torch.no_grad()
    def loop() -> Tensor:
        found = []
        for start in range(0, len(paths), settings.batch):
            part = [prepare(Pillow.open(path)) for path in paths[start : start + settings.batch]]
            found.append(model.encode_image(torch.stack(part).to(settings.device), normalize=True).cpu())
        return torch.cat(found)

    return loop


def _sentence_transformers(folder: Path, paths: list[str], settings: Settings) -> Callable[[], object]:
    model = SentenceTransformer(str(_save_clip(folder, settings)), device=settings.device)
    return lambda: model.encode([Pillow.open(path) for path in paths], show_progress_bar=False)


def _save_clip(folder: Path, settings: Settings) -> Path:
    """The hub's architecture as transformers has it, random weights, in the form that the peer loads."""
    width, layers, patch = settings.hub
    vision = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    vision |= {"num_attention_heads": max(1, width // 64), "image_size": settings.side, "patch_size": patch}
    text = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    text |= {"vocab_size": len(words), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config: Any = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=512)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unk>")),
        **{"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        model_max_length=77,
    )
    square = {"height": settings.side, "width": settings.side}
    images = transformers.CLIPImageProcessor(size={"shortest_edge": settings.side}, crop_size=square)
    transformers.utils.logging.disable_progress_bar()
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def _caching(home: Path, space: Space, paths: list[str], settings: Settings) -> Callable[[], object]:
    numbers = count()

    def cache() -> object:  # a table of its own each time: hashes of the files are part of the work
        folder = home / f"cache-{next(numbers)}"
        return build_hub_cache(space.hub, table_of(paths), "image", Image(), folder, batch_size=settings.batch)

    return cache


def _raw(space: Space, settings: Settings) -> Callable[[], object]:
    """Forward passes over as many pictures as there are files."""
    space.encode(image=[])  # settles the hub's precision
    model, batch = space.hub._model, settings.batch  # type: ignore[attr-defined]
    dtype = torch.bfloat16 if space.hub.precision == "bfloat16" else torch.float32
    pixels = torch.randn(settings.num_images, 3, settings.side, settings.side, device=settings.device, dtype=dtype)

    @torch.inference_mode()
    def forward() -> object:
        return [normalize(model.encode_image(part).float(), dim=1) for part in pixels.split(batch)]

    return forward
