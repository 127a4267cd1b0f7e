"""Train and judge every variant of a run, and print one table: which loss wins, on pairs that were never trained.

Usage: scripts/ablate configs/ablations/utd_mhad.yaml [--only NAME ...] [--output FOLDER]

Variants and repeats stand in variants.yaml beside the configuration. A run that is done is not done again, so
that a killed ablation goes on where it stopped. Prints a Markdown table and writes OUTPUT/ablation.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console

from binder.config import RunConfig, load_config
from binder.evaluate import Report
from binder.playground import VISIBLE, make_playground
from binder.run import evaluate_run, train
from binder.storage import is_complete

CELL_METRICS = ("hit@1", "mAP")


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--only", nargs="*", help="variants, by name; default: all")
    parser.add_argument("--repeats", type=int, help="how many of the repeats; default: all")
    parser.add_argument("--output", type=Path, help="default: the configuration's")
    arguments = parser.parse_args()
    grid = yaml.safe_load((arguments.config.parent / "variants.yaml").read_text(encoding="utf-8"))
    output = arguments.output or load_config(arguments.config).output
    chosen = arguments.only or list(grid["variants"])
    repeats = grid["repeats"][arguments.config.stem][: arguments.repeats]
    console, results = Console(), {}
    for repeat, shared in enumerate(repeats):  # outermost, so that the first table is whole
        for name in chosen:
            folder = output / f"{name.replace(' ', '_').replace(',', '')}-{repeat}"
            report = run_once(arguments.config, [*shared, *grid["variants"][name]], folder, console)
            results.setdefault(name, []).append(scores_of(report))
        text = table_of(results)
        console.print(text, markup=False, highlight=False)
        (output / "ablation.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
        (output / "ablation.md").write_text(text, encoding="utf-8")


def run_once(path: Path, overrides: list[str], folder: Path, console: Console) -> Report:
    """Train one variant and evaluate it, unless its report is there."""
    if is_complete(folder / "report"):
        return Report.load(folder / "report")
    config = configure(path, overrides, folder)
    console.print(f"{folder.name}: {' '.join(overrides)}", markup=False, highlight=False)
    train(config, resume=True)
    return evaluate_run(folder)


def configure(path: Path, overrides: list[str], folder: Path) -> RunConfig:
    """The run with a variant's overrides; `towers.*.` stands for every tower."""
    towers = load_config(path).towers
    spread = [
        override.replace("towers.*", f"towers.{tower}")
        for override in overrides
        for tower in (towers if "towers.*" in override else [""])
    ]
    if path.stem == "playground":
        table = make_playground(folder.parent / "scenes", seed=0, train=1200, validation=400, test=60)
        seen = json.dumps({modality: list(names) for modality, names in VISIBLE.items()})
        spread += [f"data.table={table}", f"evaluate.relevance={seen}", f"hub.cache={folder.parent / 'hub_cache'}"]
    return load_config(path, [*spread, f"output={folder}"])


def scores_of(report: Report) -> dict[str, Any]:
    """Emergent tower-to-tower averages with intervals, and how well towers find the hub (trained cells)."""
    scores: dict[str, Any] = {}
    for headline in report.headlines:
        if headline.name in ("emergent", "emergent, tower to tower"):  # the latter comes last where there are both
            scores |= {name: vars(headline.metrics[name]) for name in CELL_METRICS}
    trained = [cell for cell in report.cells if cell.why_not is None and cell.certificate.status == "trained"]
    to_hub = [cell.metrics["hit@1"].value for cell in trained if cell.gallery in ("text", "image")]
    return scores | {"to hub hit@1": float(np.mean(to_hub))}


def table_of(results: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: mean over repeats, standard deviation over repeats, mean interval over groups."""
    lines = ["| variant | tower -> hub R@1 | emergent R@1 | emergent mAP |", "|---|---|---|---|"]
    for name, runs in results.items():
        cells = [f"{np.mean([run['to hub hit@1'] for run in runs]):.3f}"]
        for metric in CELL_METRICS:
            values = np.array([run[metric]["value"] for run in runs])
            spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
            low, high = (np.mean([run[metric][end] for run in runs]) for end in ("low", "high"))
            cells.append(f"{values.mean():.3f}{spread} [{low:.3f}, {high:.3f}]")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
