"""What a run is measured against can be built from every kind of run; the trainings are in tests/integration."""

from pathlib import Path

import pytest

from binder.config import RunConfig, load_config
from binder.demo import demo_config
from binder.errors import ConfigError
from binder.run.references import check_ceilings, floor_config


@pytest.mark.parametrize("file", ["demo", *sorted(path.name for path in Path("configs").glob("*.yaml"))])
def test_every_run_has_a_floor_in_closed_form(file: str, tmp_path: Path) -> None:
    config = demo_config(tmp_path, tmp_path, seed=0) if file == "demo" else load_config(Path("configs") / file)
    floor = RunConfig.model_validate(floor_config(config))
    assert set(floor.towers) == set(config.towers)
    for tower in floor.towers.values():
        assert tower.closed_form is not None and tower.closed_form.method == "ridge"


def test_a_ceiling_of_what_is_no_tower_is_refused_before_anything_runs(tmp_path: Path) -> None:
    demo_config(tmp_path, tmp_path, seed=0).save(tmp_path / "config.yaml")
    check_ceilings(tmp_path, ["audio-depth"])
    for pair in ("audio-image", "audio-audio", "radar-depth", "audio"):
        with pytest.raises(ConfigError, match="two towers"):
            check_ceilings(tmp_path, [pair])
