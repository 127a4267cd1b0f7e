"""Train the playground's hub: a small CLIP on rendered images and captions, saved as an open_clip directory.

    python scripts/train_playground_hub.py --output binder/playground/hub

Only training combinations of latents are drawn, with a world seed that the demo does not use; the
report (retrieval and linear probes) is on combinations held out of training.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from binder.playground import VISIBLE, Scene, draw_scenes, render_image, write_caption

MEAN, STD = 0.45, 0.25
MODEL = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 64, "timm_model_name": "test_resnet", "timm_pool": "avg", "timm_proj": "linear"},
    # 49408 token rows of open_clip's own tokenizer are most of the file: a narrow text tower keeps it small
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 48, "heads": 4, "layers": 2},
}
PREPROCESS = {"size": 64, "mean": [MEAN] * 3, "std": [STD] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
MAX_LOGIT_SCALE = 25.0  # a temperature of .04: a colder space keeps less of what its classes share
FACTS_KEPT = 0.85  # of a caption in training; the first caption of a scene is always complete
CAPTIONS_PER_SCENE = 4


def render(job: tuple[int, int, Scene]) -> tuple[np.ndarray, list[str]]:
    """Draw one scene: its image and several captions of it."""
    seed, index, scene = job
    rng = np.random.default_rng([seed, index])
    image = render_image(scene, rng)
    keep = (1.0, *[FACTS_KEPT] * (CAPTIONS_PER_SCENE - 1))
    return image, [write_caption(scene, rng, keep=share) for share in keep]


def make_data(seed: int, split: str, count: int) -> tuple[list[Scene], Tensor, Tensor]:
    """Scenes, uint8 images (n, 3, 64, 64) and tokens (n, caption, token)."""
    scenes = draw_scenes(seed, split, count)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [(seed, index, scene) for index, scene in enumerate(scenes)]
        images, captions = zip(*pool.map(render, jobs, chunksize=64), strict=True)
    tokenizer = open_clip.SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    tokens = tokenizer([text for texts in captions for text in texts]).to(torch.int32)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)  # channels last: twice as fast on a CPU
    return scenes, pixels, tokens.view(count, CAPTIONS_PER_SCENE, -1)


def prepare(pixels: Tensor) -> Tensor:
    """What open_clip's own transform does with a 64-pixel image."""
    return (pixels.float() / 255 - MEAN) / STD


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror half of the batch, shift it, change brightness and colour, add noise."""
    if torch.rand((), generator=generator) < 0.5:
        pixels = pixels.flip(-1)
    down, right = torch.randint(-3, 4, (2,), generator=generator).tolist()
    padded = nn.functional.pad(pixels, (3, 3, 3, 3), mode="replicate")
    pixels = padded[:, :, 3 + down : 67 + down, 3 + right : 67 + right]
    gain = 1 + 0.12 * torch.randn(len(pixels), 3, 1, 1, generator=generator)
    return pixels * gain + 0.05 * torch.randn(pixels.shape, generator=generator)


def train(
    model: open_clip.CLIP, pixels: Tensor, tokens: Tensor, *, epochs: int, batch: int, lr: float, seed: int
) -> None:
    """The ordinary CLIP loss with AdamW, warm-up and cosine decay."""
    generator = torch.Generator().manual_seed(seed)
    decayed = [p for n, p in model.named_parameters() if p.ndim > 1 and "embedding" not in n]
    plain = [p for n, p in model.named_parameters() if p.ndim <= 1 or "embedding" in n]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr
    )
    steps = epochs * (len(pixels) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.1)
    started = time.time()
    for epoch in range(epochs):
        losses = []
        for rows in torch.randperm(len(pixels), generator=generator).split(batch)[: len(pixels) // batch]:
            which = torch.randint(CAPTIONS_PER_SCENE, (len(rows),), generator=generator)
            image = model.encode_image(augment(prepare(pixels[rows]), generator), normalize=True)
            text = model.encode_text(tokens[rows, which].long(), normalize=True)
            logits = model.logit_scale.exp() * image @ text.T
            target = torch.arange(len(rows))
            loss = (nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target)) / 2
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=float(np.log(MAX_LOGIT_SCALE)))
            losses.append(loss.item())
        print(f"epoch {epoch + 1}/{epochs} loss {np.mean(losses):.3f} "
              f"scale {model.logit_scale.exp().item():.1f} {time.time() - started:.0f} s", flush=True)  # fmt: skip


def save(model: nn.Module, folder: Path) -> None:
    """Half-precision weights and configuration, as `open_clip` reads a local directory."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.no_grad()
def embed(model: nn.Module, pixels: Tensor, tokens: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of images and of the complete caption of each."""
    images = torch.cat([model.encode_image(prepare(part), normalize=True) for part in pixels.split(256)])
    texts = torch.cat([model.encode_text(part.long(), normalize=True) for part in tokens[:, 0].split(256)])
    return images.numpy(), texts.numpy()


def evaluate(model: nn.Module, seed: int, count: int) -> dict[str, float]:
    """Retrieval on held-out combinations, and what a linear probe reads from the image vectors."""
    probe_scenes, probe_pixels, probe_tokens = make_data(seed + 1, "train", 2 * count)
    scenes, pixels, tokens = make_data(seed + 2, "test", count)
    probe_vectors, _ = embed(model, probe_pixels, probe_tokens)
    images, texts = embed(model, pixels, tokens)
    report = {}
    for name, similarity in (("image->text", images @ texts.T), ("text->image", texts @ images.T)):
        rank = (similarity > np.diag(similarity)[:, None]).sum(1)
        report |= {f"{name} R@{k}": float((rank < k).mean()) for k in (1, 5)}
    for attribute in VISIBLE["image"]:
        probe = LogisticRegression(max_iter=2000, C=10).fit(
            probe_vectors, [getattr(s, attribute) for s in probe_scenes]
        )
        report[f"probe {attribute}"] = float(probe.score(images, [getattr(s, attribute) for s in scenes]))
    return report


def main() -> None:
    """Train, save, load again the ordinary way, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=101, help="world and weights; the demo uses 0")
    parser.add_argument("--scenes", type=int, default=12000)
    parser.add_argument("--test-scenes", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    _, pixels, tokens = make_data(args.seed, "train", args.scenes)
    print(f"rendered {len(pixels)} scenes", flush=True)
    model = open_clip.CLIP(**MODEL).train().to(memory_format=torch.channels_last)
    train(model, pixels, tokens, epochs=args.epochs, batch=args.batch, lr=args.lr, seed=args.seed)
    save(model, args.output)
    loaded, *_ = open_clip.create_model_and_transforms(f"local-dir:{args.output}")
    report = evaluate(loaded.eval(), args.seed, args.test_scenes)
    size = (args.output / "open_clip_model.safetensors").stat().st_size
    print(json.dumps({**report, "file_bytes": size}, indent=2))


if __name__ == "__main__":
    main()
