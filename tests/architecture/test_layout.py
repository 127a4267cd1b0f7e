"""The house keeps its plan: top level, light imports, one-way imports, no pickles, no private paths."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP_LEVEL = {
    "pyproject.toml", "binder", "modalities", "configs", "docs", "tests", "scripts", "README.md",
    "LICENSE", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt",
}  # fmt: skip
MODALITY_FILES = {
    "__init__.py",
    "spec.py",
    "read.py",
    "transform.py",
    "augment.py",
    "encoder.py",
    "show.py",
    "README.md",
}
# parts of the eight that would not fit one file
MORE_FILES = {"audio": {"decode.py", "front_ends.py", "mel.py", "windows.py"}, "video": {"decode.py", "sampling.py"}}
HEAVY = ("torch", "open_clip", "transformers", "sentence_transformers", "timm", "datasets", "sklearn")


def _tracked(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [Path(line) for line in listed.stdout.splitlines()]


def test_the_top_level_is_what_the_readme_draws(root: Path) -> None:
    visible = {path.parts[0] for path in _tracked(root) if not path.parts[0].startswith(".")}
    assert visible == TOP_LEVEL


def test_every_modality_folder_has_the_same_files(root: Path) -> None:
    folders = sorted(path for path in (root / "modalities").iterdir() if (path / "__init__.py").exists())
    points = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert [folder.name for folder in folders] == sorted(points["binder.modalities"])
    for folder in folders:
        expected = MODALITY_FILES | MORE_FILES.get(folder.name, set())
        assert {path.name for path in folder.iterdir() if path.is_file()} == expected, folder.name


@pytest.mark.parametrize("command", [["-c", "import binder"], ["-m", "binder", "--help"]])
def test_import_and_help_load_no_model_library(command: list[str]) -> None:
    loaded = f"print('LOADED', *(name for name in {HEAVY} if name in sys.modules))"
    probe = f"import atexit, sys; atexit.register(lambda: {loaded})"
    script = f"{probe}\n" + (
        "import binder"
        if command[0] == "-c"
        else "import runpy; sys.argv = ['binder', '--help']; runpy.run_module('binder', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_that_probe_can_fail() -> None:
    script = f"import torch, sys; print('LOADED', *(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["LOADED", "torch"]


def test_no_pickle_is_loaded_anywhere(root: Path) -> None:
    sources = [*(root / "binder").rglob("*.py"), *(root / "modalities").rglob("*.py")]
    assert len(sources) > 60
    pattern = re.compile(
        r"torch\.load\((?!.*weights_only=True)|pickle\.load\(|pickle\.loads\((?!pickle\.dumps)|allow_pickle=True|joblib\.load"
    )
    assert [str(path) for path in sources if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_files_stay_small(root: Path) -> None:
    sources = [*(root / "binder").rglob("*.py"), *(root / "modalities").rglob("*.py")]
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in sources
    }
    assert {name: length for name, length in lengths.items() if length > 300} == {}
