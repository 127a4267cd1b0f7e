"""A stranger's modality and hub, registered by entry point only, are trained and evaluated without touching binder."""

import csv
import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import yaml

import binder
from binder.check import check_name
from binder.evaluate import Report

PACKAGE = Path(__file__).parent / "stranger"
THINGS = {"rock": (5, 2.0), "wreck": (12, 6.0), "shoal of fish": (18, 3.0), "buoy": (25, 1.0), "cable": (29, 1.0)}
SPLITS = {"train": 60, "validation": 20, "test": 20}


def install(folder: Path) -> None:
    """Write what installing in development mode writes: where the code is, and its entry points."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    info = folder / f"sonar_pack-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()) for group, points in groups
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def write_run(folder: Path, echo) -> Path:
    """Recordings of five things, a table with relative paths, and a run configuration."""
    chance = np.random.default_rng(0)
    rows = []
    (folder / "echoes").mkdir()
    for split, number in SPLITS.items():
        for index in range(number):
            thing = list(THINGS)[index % len(THINGS)]
            name = f"{split}_{index}"
            np.save(folder / "echoes" / f"{name}.npy", echo(*THINGS[thing], chance))
            row = {"id": name, "sonar": f"echoes/{name}.npy", "text": f"the echo of a {thing}"}
            rows.append({**row, "label": thing, "split": split})
    with (folder / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    config = {
        "name": "sonar",
        "output": str(folder / "run"),
        "hub": {"name": "letters:24", "cache": str(folder / "cache")},
        "data": {"table": str(folder / "pairs.csv"), "label": "label"},
        "towers": {"sonar": {"hub_modality": "text", "modality": {"noise_db": 2.0}}},
        "train": {"epochs": 8, "batch_size": 20, "lr": 0.003},
        "evaluate": {"relevance": "label", "bootstrap": 100},
    }
    (folder / "sonar.yaml").write_text(yaml.safe_dump(config))
    return folder / "sonar.yaml"


def assert_learned(report: Report) -> None:
    """Both directions are certified as trained and far above chance, which is 1 in 5."""
    for query, gallery in (("sonar", "text"), ("text", "sonar")):
        cell = report.cell(query, gallery)
        assert cell.certificate.status == "trained"
        assert cell.chance["hit@1"] == pytest.approx(0.2)
        assert cell.metrics["hit@1"].value > 0.8


def test_a_strangers_modality_and_hub_through_the_api(tmp_path, monkeypatch):
    install(tmp_path / "site")
    monkeypatch.syspath_prepend(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert "sonar" in binder.modality_names()
    assert [line for line in check_name("sonar") if not line.passed] == []
    assert [line for line in check_name("letters:24") if not line.passed] == []

    from sonar_pack.sonar import echo

    config = write_run(tmp_path, echo)
    space = binder.train(config)
    vectors = space.encode(sonar=[tmp_path / "echoes" / "test_0.npy"], text=["the echo of a rock"])
    np.testing.assert_allclose(np.linalg.norm(vectors["sonar"], axis=1), 1, atol=1e-5)
    test_rows = binder.PairTable.open(tmp_path / "pairs.csv").splits()["test"]
    report = binder.evaluate(space, test_rows, relevance="label", bootstrap=100)
    assert_learned(report)

    ledger = json.loads((tmp_path / "run" / "space" / "towers" / "sonar" / "ledger.json").read_text())
    assert ledger["edges"] == [["sonar", "text"]]


def test_binder_has_never_heard_of_the_stranger(root):
    sources = [path for folder in ("binder", "modalities") for path in (root / folder).rglob("*.py")]
    assert len(sources) > 50
    assert not [path for path in sources if "sonar" in path.read_text(encoding="utf-8").lower()]
    assert "sonar" not in {point.name for point in entry_points(group="binder.modalities")}


@pytest.mark.slow
def test_a_strangers_package_through_the_command_line(tmp_path, monkeypatch):
    site = tmp_path / "site"
    install(site)
    monkeypatch.syspath_prepend(PACKAGE)
    from sonar_pack.sonar import echo

    config = write_run(tmp_path, echo)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "binder", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE), str(site)]), "COLUMNS": "200"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "sonar_pack.sonar:Sonar" in run("modalities")
    assert "letters" in run("hubs")
    assert "FAIL" not in run("check", "sonar")
    run("train", str(config))
    assert "sonar" in run("eval", str(tmp_path / "run"))
    assert_learned(Report.load(tmp_path / "run" / "report"))
