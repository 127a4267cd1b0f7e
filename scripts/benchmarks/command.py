"""The command line of `scripts/bench`: choose, measure, show, write."""

import argparse
import importlib
import logging
import os
import sys
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.report import describe_machine, show, write
from benchmarks.settings import SEED, SIZES, Settings

PARTS = ("losses", "step", "caching", "bank", "encoding", "ranking")


def main(description: str) -> None:
    """Measure what the command line asks for."""
    args = _parse(description)
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # for the processes that measure memory
    logging.disable(logging.WARNING)  # random weights are no accident here
    console = Console(width=None if sys.stdout.isatty() else 150)
    device = (
        str(torch.accelerator.current_accelerator(check_available=True) or "cpu")
        if args.device is None
        else args.device
    )
    settings = Settings(**SIZES[args.size], threads=args.threads, device=device)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(SEED)
    machine = describe_machine(settings)
    console.print(machine)
    parts, paths = [], []
    for name in args.only:
        parts.append(importlib.import_module(f"benchmarks.{name}").run(settings))
        show(parts[-1], console)
        paths = write(parts, settings, machine, args.output)  # after each: what is measured stays, whatever comes
    console.print("wrote", *paths)


def _parse(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--quick", action="store_const", dest="size", const="quick", help="a look, in about a minute")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of torch")
    parser.add_argument("--device", help="default: the GPU where there is one")
    parser.add_argument("--output", type=Path, default=Path("runs/bench"), help="folder of the results")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no part {', '.join(sorted(unknown))}; choose of {', '.join(PARTS)}")
    return names
