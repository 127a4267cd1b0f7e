"""docs/modalities.md, docs/hubs.md and docs/benchmarks.md say what is registered now; so does the guide."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from binder import catalogue
from binder.cli import app
from binder.errors import ConfigError
from binder.registry import HUBS, MODALITIES, create_modality

ROOT = Path(__file__).parents[2]
COMMAND = "python scripts/write_registry_docs.py"
POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]


@pytest.fixture(scope="module")
def current() -> dict[Path, str]:
    spec = importlib.util.spec_from_file_location("write_registry_docs", ROOT / "scripts" / "write_registry_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.current()


@pytest.mark.parametrize("name", ["modalities.md", "hubs.md", "benchmarks.md"])
def test_the_document_is_current(current, name):
    path = ROOT / "docs" / name
    assert path.read_text(encoding="utf-8") == current[path], f"{name} is stale; run: {COMMAND}"


def rows_of(text: str) -> list[str]:
    generated = text.partition(catalogue.START)[2].partition(catalogue.END)[0]
    return [line for line in generated.splitlines() if line.startswith("| `")]


def test_the_tables_list_every_plug_in_of_pyproject(current):
    rows = {path.name: rows_of(text) for path, text in current.items()}
    assert [re.findall(r"`(.+?)`", row)[0] for row in rows["modalities.md"]] == sorted(POINTS[MODALITIES])
    assert [re.findall(r"`(.+?):\.\.\.`", row)[0] for row in rows["hubs.md"]] == sorted(POINTS[HUBS])


def test_every_option_of_every_modality_stands_in_its_row():
    rows = catalogue.modality_rows(catalogue.own_names(MODALITIES))
    assert len(rows) == len(POINTS[MODALITIES])
    for row in rows:
        options = create_modality(row["modality"].strip("`")).options
        assert re.findall(r"`(\w+): ", row["options"]) == list(options)
        assert row["from"].startswith("`modalities.")


def test_every_hub_adapter_says_what_it_embeds_and_what_is_odd_about_it():
    rows = catalogue.hub_rows(catalogue.own_names(HUBS))
    assert len(rows) == len(POINTS[HUBS])
    for row in rows:
        assert all(row[column] for column in ("what it is", "native modalities", "quirks")), row["hub"]
    assert "`random_init: null`" in rows[0]["options"]


def test_the_extra_of_a_plug_in_is_named():
    (video,) = catalogue.modality_rows(["video"])
    (transformers,) = catalogue.hub_rows(["transformers"])
    assert (video["extra"], transformers["extra"]) == ("`hub-binder[video]`", "`hub-binder[transformers]`")
    assert catalogue.modality_rows(["audio"])[0]["extra"] == ""


def test_a_table_replaces_the_one_before_and_needs_its_place():
    text = f"before\n{catalogue.START}\n| old |\n{catalogue.END}\nafter\n"
    table = catalogue.to_markdown([{"a": "1 | 2"}])
    assert table == "| a |\n| --- |\n| 1 \\| 2 |\n"
    written = catalogue.with_table(text, table)
    assert written == f"before\n{catalogue.START}\n{table}{catalogue.END}\nafter\n"
    assert catalogue.with_table(written, table) == written
    with pytest.raises(ConfigError, match="no place for a generated table"):
        catalogue.with_table("before\nafter\n", table)


@pytest.mark.parametrize(("command", "group"), [("modalities", MODALITIES), ("hubs", HUBS)])
def test_the_command_prints_the_same_table(command, group):
    printed = CliRunner().invoke(app, [command, "--markdown"])
    assert printed.exit_code == 0
    assert len([line for line in printed.stdout.splitlines() if line.startswith("| `")]) >= len(POINTS[group])
    shown = CliRunner().invoke(app, [command])
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in POINTS[group])


def test_the_guide_links_every_modality():
    guide = (ROOT / "modalities" / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[(\w+)\]\((\w+)/README\.md\)", guide)
    assert all(name == folder for name, folder in linked)
    assert sorted({name for name, _ in linked}) == sorted(POINTS[MODALITIES])
    assert all((ROOT / "modalities" / name / "README.md").is_file() for name in POINTS[MODALITIES])
