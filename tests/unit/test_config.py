"""Configurations are refused before anything is loaded, and every fault is named."""

from pathlib import Path

import pytest
import yaml

from binder.config import load_config, parse_config
from binder.errors import ConfigError

MINIMAL = {
    "name": "run",
    "output": "runs/run",
    "hub": {"name": "playground:clip"},
    "data": {"table": "pairs.parquet"},
    "towers": {"audio": {"hub_modality": "image"}},
}


def _write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_dotted_overrides_are_typed_and_reach_sections_that_the_file_lacks(tmp_path: Path) -> None:
    config = load_config(
        _write(tmp_path, MINIMAL),
        ["train.epochs=3", "loss.temperature=0.05", "data.on_error=skip", "train.patience=null"],
    )
    assert (config.train.epochs, config.loss.temperature, config.data.on_error, config.train.patience) == (
        3,
        0.05,
        "skip",
        None,
    )


def test_a_towers_overrides_win_over_the_runs_sections() -> None:
    towers = {
        "audio": {"hub_modality": "image", "train": {"epochs": 7}},
        "imu": {"hub_modality": "text", "loss": {"temperature": 0.2}},
    }
    config = parse_config({**MINIMAL, "towers": towers, "train": {"epochs": 5, "lr": 0.1}})
    assert (config.train_for("audio").epochs, config.train_for("audio").lr) == (7, 0.1)
    assert config.train_for("imu").epochs == 5
    assert config.loss_for("imu").temperature == 0.2


def test_saved_and_loaded_again_it_is_the_same_run(tmp_path: Path) -> None:
    config = parse_config({**MINIMAL, "train": {"epochs": 3}, "evaluate": {"relevance": {"audio": ["object"]}}})
    config.save(tmp_path / "a" / "config.yaml")
    assert load_config(tmp_path / "a" / "config.yaml") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trian": {"epochs": 3}}, "trian"),
        ({"train": {"epoch": 3}}, "train.epoch"),
        ({"train": {"batch_size": 1}}, "train.batch_size"),
        ({"train": {"monitor": "accuracy"}}, "train.monitor"),
        ({"loss": {"temperature": 0}}, "loss.temperature"),
        ({"loss": {"kind": "triplet"}}, "loss.kind: Input should be 'info_nce' or 'sigmoid' (got 'triplet')"),
        ({"loss": {"margin": 0.2}}, "loss.margin: no such key, choices: kind, direction, negatives, "),
        ({"towers": {"audio": {"hub_modality": "image", "head_": 1}}}, "choices: hub_modality, spec, "),
        ({"loss": {"matryoshka": [64]}}, "set hub.transform: pca, or hub.matryoshka: true"),
        ({"hub": {"name": "a:b", "transform": "whiten"}, "loss": {"matryoshka": [64]}}, "set hub.transform: pca"),
        ({"towers": {}}, "towers"),
        ({"towers": {"audio": {"hub_modality": []}}}, "hub_modality"),
        ({"hub": {"name": "a:b", "mode": "live"}, "data": {"table": "t", "on_error": "skip"}}, "live"),
        ({"towers": {"audio": {"hub_modality": "image", "train": {"epochs": 0}}}}, "epochs"),
        ({"towers": {"audio": {"hub_modality": "image", "loss": {"temp": 1}}}}, "temp"),
        (
            {"data": {"table": "t", "split": {"column": "split", "by": "subject", "values": {"train": [1]}}}},
            "exactly one of",
        ),
        ({"data": {"table": "t", "split": {"by": "subject"}}}, "exactly one of"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match="cannot be run") as caught:
        load_config(_write(tmp_path, {**MINIMAL, **change}))
    assert message in str(caught.value)


@pytest.mark.parametrize("hub", [{"transform": "pca"}, {"matryoshka": True}])
def test_matryoshka_wants_a_hub_whose_dimensions_are_ordered(hub: dict[str, object]) -> None:
    content = {**MINIMAL, "hub": {"name": "a:b", **hub}, "loss": {"matryoshka": [64, 32]}}
    assert parse_config(content).loss.matryoshka == (64, 32)


def test_all_faults_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"name": "x", "train": {"epochs": -1}, "loss": {"temperature": 99}})
    assert all(
        word in str(caught.value) for word in ("output", "hub", "data", "towers", "train.epochs", "loss.temperature")
    )


@pytest.mark.parametrize("override", ["train.epochs", "=3", "name.x=1", "train.epochs=[1"])
def test_an_override_that_is_none_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(_write(tmp_path, MINIMAL), [override])


@pytest.mark.parametrize("content", ["[1, 2", "just words", ""])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(path)
    with pytest.raises(ConfigError, match="no such"):
        load_config(tmp_path / "absent.yaml")


def test_a_run_can_be_evaluated_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.parquet").touch()
    config = parse_config(MINIMAL).resolved()
    assert config.data.table == str(tmp_path / "pairs.parquet") and config.hub.cache.is_absolute()
    assert parse_config({**MINIMAL, "data": {"table": "org/name"}}).resolved().data.table == "org/name"


def test_a_hub_in_a_local_folder_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("hubs/tiny", "clip"):
        (tmp_path / folder).mkdir(parents=True)
    names = {
        "open_clip:hubs/tiny": f"open_clip:{tmp_path}/hubs/tiny",
        "open_clip:local-dir:hubs/tiny": f"open_clip:{tmp_path}/hubs/tiny",
        "transformers:./hubs/tiny": f"transformers:{tmp_path}/hubs/tiny",
        "playground:clip": "playground:clip",  # a name, whatever lies beside it
        "open_clip:ViT-B-32/openai": "open_clip:ViT-B-32/openai",
    }
    for given, expected in names.items():
        assert parse_config({**MINIMAL, "hub": {"name": given}}).resolved().hub.name == expected


def test_precision_has_one_place(tmp_path: Path) -> None:
    assert parse_config(MINIMAL).hub.precision == "auto"
    with pytest.raises(ConfigError, match=r"hub: .*write hub\.precision"):
        parse_config({**MINIMAL, "hub": {"name": "playground:clip", "options": {"precision": "bfloat16"}}})


def test_what_decides_a_run_leaves_out_how_the_work_is_done() -> None:
    def decisive(**train: object) -> dict[str, object]:
        towers = {"audio": {"hub_modality": "image", "train": train}}
        return parse_config({**MINIMAL, "towers": towers, "loss": {"temperature": 0.2}}).decisive()

    assert decisive() == decisive(workers=3, prefetch=5, save_every=2)
    assert decisive() != decisive(lr=0.5)
    audio = decisive(lr=0.5)["towers"]["audio"]  # pyright: ignore[reportIndexIssue]
    assert (audio["train"]["lr"], audio["loss"]["temperature"]) == (0.5, 0.2)
    moved = parse_config({**MINIMAL, "output": "elsewhere", "evaluate": {"split": "validation"}})
    assert moved.decisive() == parse_config(MINIMAL).decisive()


@pytest.mark.parametrize(
    ("hub", "words"), [({"mode": "live"}, "needs hub.mode cache"), ({"views": 2}, "set hub.views: 0")]
)
def test_a_bank_wants_a_cache_of_whole_items(hub: dict[str, object], words: str) -> None:
    content = {**MINIMAL, "hub": {"name": "playground:clip", **hub}, "loss": {"negatives": "bank"}}
    with pytest.raises(ConfigError, match=words) as caught:
        parse_config(content)
    assert "Value error" not in str(caught.value)
    assert "'towers'" not in str(caught.value)  # the message names the keys; the whole configuration does not help
