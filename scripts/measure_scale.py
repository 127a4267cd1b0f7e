"""Measure each stage of a run on a table of synthetic pairs: time, memory, bytes. The numbers of docs/scale.md.

Usage: .venv/bin/python scripts/measure_scale.py [--pairs 10000] [--processes 1 2] [--output runs/scale]

Pairs are captions beside 1 s of random inertial data; the hub is the playground's. Prints a Markdown table.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from binder.config import LossConfig
from binder.data import PairTable
from binder.hub import open_hub
from binder.hub.cache import build_hub_cache
from binder.losses import Bank
from binder.playground.captions import write_caption
from binder.playground.latents import draw_scenes
from binder.registry import create_modality
from binder.run.sides import pair_keys
from binder.train.journal import read_journal

STEPS, CHANNELS, VALIDATION = 100, 6, 0.05


def main() -> None:
    """Run all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument(
        "--processes", type=int, nargs="*", default=[1, 2], help="none: only the stages before training"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/scale"))
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    lines = [f"| stage ({arguments.pairs} pairs) | seconds | MiB of memory more | MiB on disk |", "|---|---|---|---|"]
    lines += stages(arguments.output, arguments.pairs)
    for processes in arguments.processes:
        lines.append(training(arguments.output, processes))
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "accelerate", "datasets"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines.append(f"\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load}, {versions}")
    sys.stdout.write("\n".join(lines) + "\n")


def stages(folder: Path, pairs: int) -> list[str]:
    """Everything before training, in this process."""
    torch.set_num_threads(1)
    table_file, lines = folder / "pairs.parquet", []

    def stage(name: str, work: Callable[[], Any], *, disk: Path | None = None) -> Any:
        memory, clock = _private_mib(), time.perf_counter()
        result = work()
        size = "" if disk is None else f"{_mib_on_disk(disk):.1f}"
        lines.append(f"| {name} | {time.perf_counter() - clock:.2f} | {_private_mib() - memory:.1f} | {size} |")
        return result

    specs = {"text": create_modality("text"), "imu": create_modality("imu")}
    stage("write the table", lambda: write_table(table_file, pairs), disk=table_file)
    table = stage("open it: ids, groups", lambda: PairTable.open(table_file, group="group", specs=specs))
    stage("hash every cell", lambda: [table.content_hashes(name) for name in specs])
    stage("fingerprint of the table", lambda: table.fingerprint)
    keys = stage("keys of positives", lambda: pair_keys(table, ["text"], "content"))
    hub = open_hub("playground:clip")
    cache = stage(
        "hub cache of the captions",
        lambda: build_hub_cache(hub, table, "text", specs["text"], folder / "hub_cache", on_error="raise"),
        disk=folder / "hub_cache",
    )
    distinct, first = np.unique(keys[:, 0], axis=0, return_index=True)
    vectors, loss = cache.vectors_for(first), LossConfig(negatives="bank", soft=0.2, mask_above=0.98)
    stage(
        f"constants of a bank of {len(distinct)}, dim {cache.dim}, mask and soft targets",
        lambda: Bank.build(vectors, torch.from_numpy(distinct), loss, hub="", table=""),
    )
    return lines


def training(folder: Path, processes: int) -> str:
    """One epoch by `accelerate launch`, with everything a run does around it."""
    output = folder / f"run-{processes}"
    config = {
        "name": "scale",
        "output": str(output),
        "hub": {"name": "playground:clip", "cache": str(folder / "hub_cache")},
        "data": {"table": str(folder / "pairs.parquet"), "group": "group"},
        "towers": {"imu": {"hub_modality": "text"}},
        "train": {"epochs": 1, "batch_size": 256},
        "loss": {"negatives": "bank", "positives": "content"},
    }
    path = folder / f"run-{processes}.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    launch = ["torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "0", "-m", "binder"]
    clock = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    subprocess.run([sys.executable, "-m", *launch, "train", str(path)], check=True, env=environment)
    seconds = time.perf_counter() - clock
    steps = [event for event in read_journal(output / "train" / "imu") if event["event"] == "step"]
    rate = float(np.median([event["samples_per_s"] for event in steps[2:]]))
    ledger = _mib_on_disk(output / "train" / "imu" / "tower")
    state = _mib_on_disk(output / "train" / "imu" / "state")
    note = f"{rate:.0f} samples/s in training; tower with ledger {ledger:.1f}, state {state:.1f}"
    return f"| a run of one epoch, {processes} process(es): {note} | {seconds:.1f} | | {_mib_on_disk(output):.1f} |"


def write_table(path: Path, pairs: int) -> None:
    """Captions of drawn scenes beside random inertial data, NPY bytes in the cells."""
    rng = np.random.default_rng(0)
    scenes, rows = draw_scenes(0, "train", pairs), []
    for number, scene in enumerate(scenes):
        samples = np.concatenate([rng.normal(0, 3, (STEPS, 3)), rng.normal(0, 1, (STEPS, 3))], axis=1)
        rows.append(
            {
                "id": f"pair-{number:09d}",
                "group": f"group-{number // 4:08d}",
                "split": "validation" if number // 4 % round(1 / VALIDATION) == 0 else "train",
                "text": write_caption(scene, rng),
                "imu": _npy(samples.astype(np.float32)),
            }
        )
    pq.write_table(pa.Table.from_pylist(rows), path)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _private_mib() -> float:
    """Memory of this process that is no mapped file."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def _mib_on_disk(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 2**20


if __name__ == "__main__":
    main()
