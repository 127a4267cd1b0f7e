"""Benchmark records: frozen, complete, found like plug-ins; a number says which record and which table it is of."""

import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from untrained_space import untrained_space

from binder.catalogue import benchmark_rows
from binder.cli import app
from binder.config import DataConfig
from binder.data import PairTable
from binder.errors import ConfigError, RegistryError, TableError
from binder.evaluate import Report
from binder.evaluate.benchmarks import (
    Benchmark,
    all_benchmarks,
    benchmark_lines,
    benchmark_names,
    finding,
    open_benchmark,
)
from binder.prompts import Prompts
from binder.run.benchmarks import evaluate_benchmark, open_rows
from binder.run.evaluation import evaluate

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
PLAYGROUND = "8e681fa88e7ab29b5610241254598c26"
UTD_MHAD = "f88fc16e6093bd8a90e5b5e14023aaea"

# What each published version says, and the hash of its table. A record that was wrong is not mended: write the next
# version beside it and add a line here. Only a table hash that is None may be filled in.
FROZEN = {
    "audiocaps-no-vggsound-v1": ("6b5e279b1e77a2da9c269bfbc320de7b", None),
    "audiocaps-v1": ("e7c0277e1f494ac5b8bb87faa61ddbda", None),
    "clotho-v1": ("29b47279abd33244ea0d54eed62d72fc", None),
    "ego4d-imu-v1": ("d87be77fdb97fdfe403caa3ee306f782", None),
    "esc50-imagebind-v1": ("4b39cfcb4d562c29395a92dd8deb1dff", None),
    "esc50-languagebind-v1": ("d24f8672c0e49c1f602f2af9362d3824", None),
    "llvip-imagebind-v1": ("72d38693bffe9c991c0d4b69cffd0b1b", None),
    "llvip-languagebind-v1": ("2da5b20c64951c0aef7c50bfbf2404bd", None),
    "llvip-pairs-v1": ("c22e9627c105197abd2073eb992ee43e", None),
    "nyu-depth-v2-imagebind-v1": ("be9e28402fffacc17cc7dac3e794a628", None),
    "nyu-depth-v2-languagebind-v1": ("55a7433098e0e481a278c50224ef2026", None),
    "nyu-depth-v2-pairs-v1": ("4923777ffe2a7ede2944cd91be742ae1", None),
    "playground-v1": ("39707d6cac975f1d465fc92d710f696c", PLAYGROUND),
    "sun-rgbd-imagebind-v1": ("0b437875c51fdf328c53d93ad09280d6", None),
    "utd-mhad-v1": ("c7e611013b39d7fb05250d5868e4416b", UTD_MHAD),
}


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(SCRIPTS))
    try:
        from prepare import command
    finally:
        sys.path.remove(str(SCRIPTS))
    folder = tmp_path_factory.mktemp("prepared") / "playground"
    command.prepare("playground", folder, folder)
    return folder


def test_no_version_ever_changes() -> None:
    found = {record.id: (record.content_hash, record.table_hash) for record in all_benchmarks("hub-binder")}
    assert found == FROZEN, "a record changed: give it a new version, and leave the old file as it was"
    assert len(found) == 15


def test_whatever_a_record_says_is_in_its_hash() -> None:
    record = open_benchmark("esc50-imagebind-v1")
    changed = {"split": None, "label": "other", "rows": 1, "licence": "x", "defects": ("x",), "columns": {"text": "t"}}
    hashes = {record.model_copy(update={name: value}).content_hash for name, value in changed.items()}
    assert len(hashes | {record.content_hash}) == len(changed) + 1
    assert record.model_copy(update={"table_hash": "x"}).content_hash == record.content_hash


@pytest.mark.parametrize("name", benchmark_names())
def test_every_record_can_be_carried_out_and_says_where_it_comes_from(name: str) -> None:
    record = open_benchmark(name)
    assert all(len(text) > 8 for text in (record.title, record.protocol, record.source, record.paper, record.licence))
    assert record.defects and all(one.url.startswith("http") for one in record.downloads)
    assert record.downloads or name.startswith("playground")
    assert set(record.relevance) == set(record.columns)
    DataConfig(table="t", columns=record.columns, group=record.group, label=record.label)
    if record.task == "zero_shot":
        assert record.templates is not None and (record.classes or name.startswith("ego4d"))
    if record.templates is not None:
        assert len(record.templates.open()) == 80


def test_templates_are_the_libraries_with_another_noun() -> None:
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    depth = open_benchmark("nyu-depth-v2-languagebind-v1").templates
    expected = [one("{}").replace("photo", "depth photo") for one in OPENAI_IMAGENET_TEMPLATES]
    assert depth is not None and depth.open() == expected and depth.hash == Prompts.open(expected).hash
    with pytest.raises(ConfigError, match="prompt templates have changed"):
        depth.model_copy(update={"noun": "picture"}).open()


def test_published_class_lists_have_their_published_lengths() -> None:
    counts = {"esc50-imagebind": (50, 50), "nyu-depth-v2-imagebind": (10, 27), "nyu-depth-v2-languagebind": (10, 10)}
    counts |= {"sun-rgbd-imagebind": (19, 19), "llvip-imagebind": (2, 9), "llvip-languagebind": (2, 2)}
    for name, (labels, texts) in counts.items():
        classes = open_benchmark(f"{name}-v1").classes
        assert classes is not None and len(classes) == labels
        assert len({text for own in classes.values() for text in own}) == texts


@pytest.mark.slow
def test_the_playground_is_the_table_of_its_record_and_a_report_says_so(playground: Path) -> None:
    report = evaluate_benchmark(
        untrained_space("audio", "imu"), "playground-v1", playground, strict=True, bootstrap=100
    )
    facts = report.facts["benchmark"]
    assert (facts["name"], facts["version"], facts["record_hash"]) == ("playground", 1, FROZEN["playground-v1"][0])
    assert facts["table"] == {"verdict": "matches", "expected": PLAYGROUND, "found": PLAYGROUND}
    assert facts["rows"] == {"expected": 400, "found": 400}
    # two of six senses are no average over all of them
    assert facts["headline"]["value"] is None and facts["absent_modalities"] == ["depth", "thermal"]
    lines = benchmark_lines(facts)
    head, _, why = lines[0].partition("no value: ")
    assert head == "playground-v1: hit@1 of average of emergent pairs: "
    assert why == "the average is over all modalities, and the space lacks depth, thermal"
    assert lines[1] == f"the table is the one of the record ({PLAYGROUND[:8]})"


@pytest.mark.slow
def test_it_is_the_evaluation_that_one_would_write_by_hand(playground: Path, tmp_path: Path) -> None:
    record = open_benchmark("playground-v1").model_copy(
        update={"headline": open_benchmark("clotho-v1").headline.model_copy(update={"query": "imu"})}
    )
    space = untrained_space("audio", "imu")
    report = evaluate_benchmark(space, record, playground, bootstrap=100)
    rows = PairTable.open(playground / "pairs.parquet").splits()["test"]
    relevance = {name: list(seen) for name, seen in record.relevance.items()}
    own = evaluate(space, rows, relevance=relevance, bootstrap=100)
    cell = own.cell("imu", "audio")
    assert report.cell("imu", "audio").metrics == cell.metrics
    assert report.facts["benchmark"]["headline"]["value"] == cell.metrics["hit@1"].value
    assert report.facts["benchmark"]["headline"]["certificate"] == cell.certificate.status
    report.save(tmp_path / "report")
    assert Report.load(tmp_path / "report").facts["benchmark"] == report.facts["benchmark"]


@pytest.mark.slow
def test_another_table_is_said_and_refused_where_strict(playground: Path) -> None:
    record = open_benchmark("playground-v1").model_copy(update={"table_hash": "0" * 32})
    space = untrained_space("imu")
    facts = evaluate_benchmark(space, record, playground, bootstrap=100).facts["benchmark"]
    assert facts["table"] == {"verdict": "differs", "expected": "0" * 32, "found": PLAYGROUND}
    assert benchmark_lines(facts)[1] == f"the table DIFFERS from the record's: {PLAYGROUND[:8]}, expected 00000000"
    with pytest.raises(TableError, match=r"(?s)not the table of playground-v1.*scripts/prepare playground"):
        evaluate_benchmark(space, record, playground, strict=True)
    unmeasured = record.model_copy(update={"table_hash": None})
    with pytest.raises(TableError, match="nobody has measured one yet"):
        evaluate_benchmark(space, unmeasured, playground, strict=True)


@pytest.mark.slow
def test_one_command_evaluates_a_saved_space(playground: Path, tmp_path: Path) -> None:
    untrained_space("audio").save(tmp_path / "space")
    command = ["eval", str(tmp_path / "space"), "--benchmark", "playground-v1", "--output", str(tmp_path / "report")]
    asked = CliRunner().invoke(app, command)
    assert asked.exit_code == 2 and "--data" in asked.output
    done = CliRunner().invoke(app, [*command, "--data", str(playground), "--strict"])
    assert done.exit_code == 0, done.output
    assert f"the table is the one of the record ({PLAYGROUND[:8]})" in done.output
    assert Report.load(tmp_path / "report").facts["benchmark"]["table"]["verdict"] == "matches"


@pytest.mark.slow
def test_classes_without_a_prototype_are_no_zero_shot(playground: Path) -> None:
    record = open_benchmark("esc50-imagebind-v1").model_copy(
        update={"label": "object", "group": "group", "classes": {"ball": ("a ball",), "unicorn": ("unicorn",)}}
    )
    with pytest.raises(TableError, match=r"(?s)the classes are not those of esc50-imagebind-v1.*unicorn \(unicorn\)"):
        evaluate_benchmark(untrained_space("audio"), record, playground)


@pytest.mark.slow
def test_a_space_without_a_modality_of_the_headline_is_refused(playground: Path) -> None:
    with pytest.raises(ConfigError, match="the space cannot answer clotho-v1"):
        evaluate_benchmark(untrained_space("imu"), "clotho-v1", playground)


def test_names_and_files_are_found_or_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"(?s)unknown benchmark.*esc50-imagebind-v1"):
        open_benchmark("esc50")
    with pytest.raises(RegistryError, match="no such benchmark record"):
        open_benchmark(tmp_path / "none-v1.yaml")
    content = open_benchmark("clotho-v1").model_dump(mode="json")
    wrong = {
        "sonar-v1": content,
        "clotho-v2": content | {"version": 2, "metrics": []},
        "clotho-v3": content | {"label": 3},
    }
    for name, message in (
        ("sonar-v1", "clotho-v1.yaml"),
        ("clotho-v2", "metrics: no such key"),
        ("clotho-v3", "label"),
    ):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(wrong[name]))
        with pytest.raises(ConfigError, match=f"(?s){message}"):
            open_benchmark(path)
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="not YAML"):
        open_benchmark(path)


def test_a_strangers_package_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "sonar_records"
    package.mkdir()
    (package / "__init__.py").touch()
    content = open_benchmark("clotho-v1").model_dump(mode="json") | {"name": "sonar"}
    (package / "sonar-v1.yaml").write_text(yaml.safe_dump(content))
    info = tmp_path / "sonar_records-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sonar-records\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{finding.GROUP}]\nsonar = sonar_records\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert open_benchmark("sonar-v1").title == open_benchmark("clotho-v1").title
    assert "sonar-v1" in {row["benchmark"].strip("`") for row in benchmark_rows()}
    assert [record.id for record in all_benchmarks("sonar-records")] == ["sonar-v1"]
    content["name"] = "clotho"
    (package / "clotho-v1.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(RegistryError, match="two benchmarks are named 'clotho-v1'"):
        benchmark_names()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relevance": {"smell": ["clip"]}}, "modalities without a column: smell"),
        ({"task": "zero_shot"}, "needs a text column and a label column"),
        ({"table_hash": "abc"}, "belong together"),
        ({"headline": {"metric": "hit@1", "query": "text"}}, "query and gallery belong together"),
    ],
)
def test_a_record_that_cannot_be_carried_out_is_none(change: dict, message: str) -> None:
    content = open_benchmark("clotho-v1").model_dump(mode="json")
    with pytest.raises(ValueError, match=message):
        Benchmark.model_validate(content | change)


@pytest.mark.slow
@pytest.mark.shared_data
def test_utd_mhad_prepared_from_the_authors_files_is_the_table_of_its_record(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from prepare import command

    command.prepare("utd_mhad", shared_data / "utd_mhad", tmp_path / "out", processes=2)
    record = open_benchmark("utd-mhad-v1")
    test, train = open_rows(record, tmp_path / "out")
    assert test.fingerprint == record.table_hash == UTD_MHAD
    assert train is not None and (len(test), len(train)) == (record.rows, 431)
