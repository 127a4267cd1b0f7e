"""Builds what a run is measured against: a closed-form floor, and paired-trained ceilings. Floor: run.

Each is a whole run of its own in `RUN/references`, kept and found again; `binder.evaluate.references` compares.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from binder.config import RunConfig, load_config
from binder.data import ModalityDataset
from binder.errors import ConfigError
from binder.evaluate import Report
from binder.evaluate.reference import Kind, Reference
from binder.evaluate.references import refer
from binder.hub.vector_files import write_keyed
from binder.run.evaluation import evaluate_run
from binder.run.tables import open_splits, tower_specs
from binder.run.training import train
from binder.space import Space
from binder.storage import is_complete
from binder.towers import encode_samples

FOLDER = "references"


def find_references(
    run: Path,
    report: Report,
    *,
    floor: bool = False,
    ceilings: Sequence[str] = (),
    console: Console | None = None,
) -> list[Reference]:
    """What the run is measured against: see `keep_findings` for how it gets into the report.

    Args:
        run: folder of the finished run.
        report: of the run.
        floor: see `closed_form_floor`.
        ceilings: pairs `A-B`, see `paired_ceiling`; each is a training of A's tower.
        console: where progress is drawn.

    Raises:
        ConfigError: a ceiling that is no pair of the run's towers.
    """
    found = closed_form_floor(run, report, console=console) if floor else []
    for pair in ceilings:
        query, _, gallery = pair.partition("-")
        found += paired_ceiling(run, query, gallery, report, console=console)
    return found


def check_ceilings(run: Path, pairs: Sequence[str]) -> None:
    """Refuse pairs `A-B` that are not of two towers of the run; costs nothing, so it can be asked first.

    Raises:
        ConfigError: there is such a pair.
    """
    towers = load_config(run / "config.yaml").towers
    for pair in pairs:
        query, _, gallery = pair.partition("-")
        if query == gallery or query not in towers or gallery not in towers:
            raise ConfigError.explain("a ceiling is of two towers", got=pair, expected="A-B", choices=towers)


def closed_form_floor(run: Path, report: Report, *, console: Console | None = None) -> list[Reference]:
    """The run's encoders as they were before training, with ridge regression to the hub on the same pairs.

    Args:
        run: folder of the finished run.
        report: of the run, to compare with.
        console: where progress is drawn.
    """
    config = floor_config(load_config(run / "config.yaml"))
    note = "ridge regression on the encoders before training, same pairs"
    return _measure(run / FOLDER / "floor", config, report, "floor", note, console)


def floor_config(config: RunConfig) -> dict[str, Any]:
    """The run with every tower's encoder left as it begins, and ridge regression for its head."""
    content = config.to_json()
    for tower in content["towers"].values():
        tower["encoder"] = {"name": "closed_form", "method": "ridge", "features": tower["encoder"] or "default"}
        for key in ("trained", "head", "train", "loss"):  # a closed form solves for a linear head, without epochs
            tower.pop(key, None)
    return content


def paired_ceiling(
    run: Path, query: str, gallery: str, report: Report, *, console: Console | None = None
) -> list[Reference]:
    """A tower of `query` trained on the pair itself: against the run's own, frozen vectors of `gallery`.

    Same table, encoder and recipe as in the run; only the target is another. The two towers then hold what the pair
    can give to this encoder, as far as the gallery's tower kept it.

    Args:
        run: folder of the finished run.
        query: modality whose tower is trained anew.
        gallery: modality that takes the hub's place.
        report: of the run, to compare with.
        console: where progress is drawn.

    Raises:
        ConfigError: the run has no such towers.
    """
    check_ceilings(run, [f"{query}-{gallery}"])
    config = load_config(run / "config.yaml")
    folder = run / FOLDER / f"ceiling_{query}_{gallery}"
    vectors = folder.with_suffix(".parquet")
    if not vectors.exists():
        folder.parent.mkdir(exist_ok=True)
        _write_targets(config, Space.load(run), gallery, vectors)
    content = config.to_json()
    content["hub"] = {"name": f"precomputed:{vectors.resolve()}", "cache": content["hub"]["cache"]}
    content["towers"] = {query: {**content["towers"][query], "hub_modality": gallery}}
    content["evaluate"] |= {"modalities": [query, gallery], "templates": None}
    note = f"{query} trained on pairs with {gallery}, whose tower is kept"
    return _measure(folder, content, report, "ceiling", note, console)


def _write_targets(config: RunConfig, space: Space, name: str, path: Path) -> None:
    """Vectors of every sample of `name` that the run's splits hold."""
    checkpoint, known = space.towers[name], {}
    for table in open_splits(config.data, seed=config.seed, specs=tower_specs(config)).values():
        samples = ModalityDataset(table, checkpoint.spec, on_error=config.data.on_error)
        rows, vectors, _ = encode_samples(checkpoint.tower, samples)
        hashes = table.content_hashes(name)
        known |= {str(hashes[row]): vector for row, vector in zip(rows.tolist(), vectors, strict=True)}
    write_keyed(path, {name: (list(known), np.stack(list(known.values())))}, model=f"{name} tower of {config.name}")


def _measure(
    folder: Path, content: Mapping[str, Any], report: Report, kind: Kind, note: str, console: Console | None
) -> list[Reference]:
    """Train the run `content` in `folder`, unless it is there, evaluate it and compare."""
    config = RunConfig.model_validate({**content, "output": str(folder)})
    if not is_complete(folder / "space"):
        train(config, resume=(folder / "train").exists(), console=console)
    other = evaluate_run(folder, console=console)
    facts = report.facts
    return refer(report, other, kind=kind, note=note, num_bootstrap=facts["num_bootstrap"], seed=facts["seed"])
