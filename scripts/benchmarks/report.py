"""What is shown of a measurement: tables for the eye and for BENCHMARKS.md, JSON with where it comes from, a plot."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.settings import SEED, Settings
from binder.hub.precision import has_bfloat16

PACKAGES = ("torch", "open_clip_torch", "sentence-transformers", "transformers", "timm", "accelerate", "numpy")
SIGNIFICANT = 3


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A promise and what became of it; `measured` is None where the contenders were not run."""

    what: str
    target: str
    measured: float | None
    reached: bool | None
    cause: str = ""

    @classmethod
    def most(cls, what: str, measured: float | None, target: float, *, cause: str = "") -> "Goal":
        """At most `target`; `cause` is shown where it is missed."""
        reached = None if measured is None else measured <= target
        return cls(what=what, target=f"<= {target:g}", measured=measured, reached=reached, cause=cause)

    @classmethod
    def least(cls, what: str, measured: float | None, target: float, *, cause: str = "") -> "Goal":
        """At least `target`."""
        reached = None if measured is None else measured >= target
        return cls(what=what, target=f">= {target:g}", measured=measured, reached=reached, cause=cause)

    def row(self) -> dict[str, Any]:
        """As a row of the table of goals."""
        verdict = {True: "reached", False: "MISSED", None: "not measured"}[self.reached]
        cause = self.cause if self.reached is not True else ""
        return {"goal": self.what, "target": self.target, "measured": self.measured, "verdict": verdict, "why": cause}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One table with its goals."""

    name: str
    title: str
    rows: list[dict[str, Any]]
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tables(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Title and rows of the measurements and, where there are any, of the goals."""
        goals = [goal.row() for goal in self.goals]
        return [(self.title, self.rows), *([("Goals", goals)] if goals else [])]


def show(part: Part, console: Console) -> None:
    """Print a part."""
    for title, rows in part.tables():
        table = Table(title=title, title_justify="left")
        columns = _columns(rows)
        for column in columns:
            table.add_column(column, justify="right" if _is_number(rows, column) else "left", no_wrap=column != "why")
        for row in rows:
            table.add_row(*(_text(row.get(column)) for column in columns))
        console.print(table)
    for note in part.notes:
        console.print(f"[dim]{note}[/dim]")


def write(parts: Sequence[Part], settings: Settings, machine: dict[str, Any], folder: Path) -> list[Path]:
    """Write results.json, tables.md and, with matplotlib and part (a), losses.png; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine, "settings": asdict(settings), "parts": [asdict(part) for part in parts]}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "tables.md").write_text("\n".join(map(_markdown, parts)), encoding="utf-8")
    plotted = [_plot(part, folder / "losses.png") for part in parts if part.name == "losses"]
    return [folder / "results.json", folder / "tables.md", *(path for path in plotted if path is not None)]


def describe_machine(settings: Settings) -> dict[str, Any]:
    """Hardware, versions, date, seed and command."""
    device = torch.device(settings.device)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["scripts/bench", *sys.argv[1:]]),
        "processor": _processor(),
        "threads": settings.threads,
        "load of others": round(os.getloadavg()[0], 1),  # at the start; what is timed beside others spreads
        "memory GB": round(psutil.virtual_memory().total / 1e9),
        "GPU": torch.cuda.get_device_name(device) if device.type == "cuda" else "none: not measured",
        "bfloat16 units": has_bfloat16(device),
        "seed": SEED,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if value not in (None, "")))


def _is_number(rows: list[dict[str, Any]], column: str) -> bool:
    return any(isinstance(row.get(column), int | float) for row in rows)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10**SIGNIFICANT else f"{value:.{SIGNIFICANT}g}"
    return "" if value is None else str(value)


def _markdown(part: Part) -> str:
    lines = [f"### {part.title}", ""]
    for _, rows in part.tables():
        columns = _columns(rows)
        lines += [
            f"| {' | '.join(columns)} |",
            f"|{'|'.join('--:' if _is_number(rows, c) else '---' for c in columns)}|",
        ]
        cells = [[_text(row.get(column)).replace("|", "\\|") for column in columns] for row in rows]
        lines += [f"| {' | '.join(row)} |" for row in cells]
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in part.notes), ""])


def _plot(part: Part, path: Path) -> Path | None:
    """Time and memory against N, on logarithmic axes."""
    try:
        import matplotlib
    except ImportError:
        print("no plot: pip install matplotlib", file=sys.stderr)
        return None
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for axis, value in zip(axes, ("seconds", "memory MB"), strict=True):
        for loss in dict.fromkeys(row["loss"] for row in part.rows):
            points = [(row["N"], row[value]) for row in part.rows if row["loss"] == loss and row.get(value)]
            style = "-" if loss.startswith("binder") else "--"
            axis.plot(*zip(*points, strict=True), style, marker="o", markersize=3, label=loss)
        axis.set(xscale="log", yscale="log", xlabel="pairs N", ylabel=value)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)
    return path
