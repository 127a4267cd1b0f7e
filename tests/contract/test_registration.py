"""Three ways of registration, one result; the guide's own code is what is registered."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from binder import registry
from binder.check import check_modality
from binder.check.modality import CHECKS
from binder.config import TowerConfig
from binder.errors import RegistryError


@pytest.fixture
def blocks(root: Path) -> dict[str, str]:
    """The code of the guide by language."""
    guide = (root / "modalities" / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"```(\w+)\n(.*?)```", guide, re.DOTALL)
    assert [language for language, _ in found] == ["python", "bash", "yaml", "toml"]
    return dict(found)


@pytest.fixture
def radar(blocks: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guide's `radar.py` on the path, imported by nobody yet; everything is forgotten afterwards."""
    (tmp_path / "radar.py").write_text(blocks["python"], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_decorated", {})
    monkeypatch.delitem(sys.modules, "radar", raising=False)
    yield tmp_path
    sys.modules.pop("radar", None)


def add_entry_point(folder: Path, toml: str, *, distribution: str = "radar") -> None:
    """What installing a package writes: a dist-info folder with its entry points."""
    points = tomllib.loads(toml)["project"]["entry-points"]
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_the_guides_barest_modality_is_short_and_keeps_every_promise(blocks, radar):
    assert len(blocks["python"].splitlines()) < 40
    lines = check_modality(registry.create_modality("radar:Radar"))
    assert [line.name for line in lines] == [name for name, _ in CHECKS]
    assert [line for line in lines if not line.passed] == []


def test_three_ways_of_registration_have_one_result(blocks, radar):
    tower = TowerConfig.model_validate(yaml.safe_load(blocks["yaml"])["towers"]["radar"])
    by_reference = registry.create_modality(tower.spec, **tower.modality)
    assert by_reference.num_bins == 128

    by_decorator = registry.create_modality("radar", num_bins=128)  # the import above ran the decorator

    registry._decorated.clear()
    with pytest.raises(RegistryError):
        registry.modality_class("radar")
    add_entry_point(radar, blocks["toml"])
    by_entry_point = registry.create_modality("radar", num_bins=128)

    assert by_reference == by_decorator == by_entry_point
    assert type(by_reference) is type(by_decorator) is type(by_entry_point)
    assert len({spec.fingerprint for spec in (by_reference, by_decorator, by_entry_point)}) == 1
    assert "radar" in registry.modality_names()


def test_decorator_and_entry_point_together_are_one_modality(blocks, radar):
    add_entry_point(radar, blocks["toml"])
    registry.create_modality("radar:Radar")
    assert registry.modality_class("radar").__module__ == "radar"
    assert registry.modality_names().count("radar") == 1


def test_two_classes_under_one_name_are_refused_with_both_named(blocks, radar):
    (radar / "rival.py").write_text(blocks["python"], encoding="utf-8")
    add_entry_point(radar, blocks["toml"])
    add_entry_point(radar, blocks["toml"].replace("radar:Radar", "rival:Radar"), distribution="rival")
    with pytest.raises(RegistryError, match=r"(?s)two modalities are named 'radar'.*radar:Radar.*rival:Radar"):
        registry.create_modality("radar")
