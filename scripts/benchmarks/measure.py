"""How everything is measured: contenders take turns, medians are reported with their spread.

Where memory matters each contender lives in a process of its own. All wait while one works, so that a
machine that is busy for a minute slows every contender alike.
"""

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import torch

Step = Callable[[], object]
Build = Callable[[str, int, str], Step]  # (contender, size, device) -> one step of it; importable by name

SMALLEST = 64  # of the step that wakes libraries and threads before memory is looked at
LEAST_SECONDS = 0.2  # shorter steps are repeated within a turn


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds per step over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Timing":
        """Of one number a round."""
        return cls(median=statistics.median(seconds), low=min(seconds), high=max(seconds))

    def rate(self, count: int, unit: str) -> dict[str, object]:
        """Columns of a table: how many a second where a step takes `count`."""
        return {unit: count / self.median, "low": count / self.high, "high": count / self.low}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a contender took at one size: its time and the growth of its process, or why it was left out."""

    timing: Timing | None = None
    peak: int = 0  # bytes
    left_out: str = ""


def take_turns(contenders: Mapping[str, Step], rounds: int, device: str = "cpu") -> dict[str, Timing]:
    """Time contenders that share this process; one turn each before the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, step in contenders.items():
            taken = _seconds(step, device, least=0 if number == 0 else LEAST_SECONDS)
            if number:
                seconds[name].append(taken)
    return {name: Timing.of(values) for name, values in seconds.items()}


def compare_alone(
    build: Build,
    contenders: Sequence[str],
    sizes: Sequence[int],
    *,
    rounds: int,
    threads: int,
    device: str,
    excuse: Callable[[str, int], str] = lambda name, size: "",
) -> dict[tuple[str, int], Run]:
    """Time and memory of each contender at each size, each in a process of its own.

    Args:
        build: makes one step.
        contenders: their names, for `build`.
        sizes: rising.
        rounds: turns of each.
        threads: of torch.
        device: where steps run.
        excuse: why a contender is left out at a size; empty where it is not.
    """
    runs: dict[tuple[str, int], Run] = {}
    for before, size in zip([0, *sizes], sizes, strict=False):
        fits = []
        for name in contenders:
            last = runs.get((name, before), Run())
            reason = last.left_out or excuse(name, size) or _too_large(last.peak, size / max(before, 1), device)
            if reason:
                runs[name, size] = Run(left_out=reason)
            else:
                fits.append(name)
        with ExitStack() as stack:
            workers = {name: stack.enter_context(_Worker(build, name, size, threads, device)) for name in fits}
            turns = {name: [] for name in fits}
            for _ in range(rounds):
                for name, worker in workers.items():
                    turns[name].append(worker.turn())
        for name, taken in turns.items():
            runs[name, size] = Run(timing=Timing.of([s for s, _ in taken]), peak=max(peak for _, peak in taken))
        print(f"  size {size} done", file=sys.stderr, flush=True)
    return runs


def _too_large(peak: int, growth: float, device: str) -> str:
    """Memory grows at most with the square of the size: what may not fit is not started."""
    need, free = peak * growth**2, _free_memory(device)
    return f"not run: up to {need / 1e9:.0f} GB, {free / 1e9:.0f} GB free" if need > 0.9 * free else ""


class _Worker:
    """A process that holds one contender, and takes a step when told to."""

    def __init__(self, build: Build, name: str, size: int, threads: int, device: str) -> None:
        context = multiprocessing.get_context("forkserver")  # libraries are imported once, by the server
        context.set_forkserver_preload([build.__module__])
        self._connection, theirs = context.Pipe()
        self._what = f"{name} at {size}"
        self._process = context.Process(target=_serve, args=(theirs, build, name, size, threads, device), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "_Worker":
        self._answer()  # ready: preparing one contender must not slow another's turn
        return self

    def turn(self) -> tuple[float, int]:
        """Seconds per step, and the most bytes the process has grown by so far."""
        self._connection.send(True)
        return self._answer()

    def _answer(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"{self._what} died with exit code {self._process.exitcode}") from None

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()


def _serve(connection: Connection, build: Build, name: str, size: int, threads: int, device: str) -> None:
    torch.set_num_threads(threads)
    build(name, min(size, SMALLEST), device)()
    step = build(name, size, device)
    _forget_peak(device)
    before = _peak(device)
    connection.send("ready")
    try:
        while connection.recv():
            taken = _seconds(step, device, least=LEAST_SECONDS)
            connection.send((taken, _peak(device) - before))
    except EOFError:
        return


def _seconds(step: Step, device: str, *, least: float) -> float:
    _wait(device)
    start, count = time.perf_counter(), 0
    while True:
        step()
        _wait(device)
        count += 1
        if (taken := time.perf_counter() - start) >= least:
            return taken / count


def _wait(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize()


def _forget_peak(device: str) -> None:
    """Let the highest mark of memory be that of now: imports reach higher than what they leave behind."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak(device: str) -> int:
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _free_memory(device: str) -> int:
    return psutil.virtual_memory().available if device == "cpu" else torch.cuda.mem_get_info()[0]
