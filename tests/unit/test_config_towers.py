"""What a tower's configuration accepts: what is trained, adapters, closed forms; and what it refuses."""

import pytest

from binder.config import ClosedFormConfig, LoraConfig, TowerConfig, parse_config
from binder.errors import ConfigError


def _tower(**options: object) -> TowerConfig:
    content = {"name": "r", "output": "o", "hub": {"name": "h:m"}, "data": {"table": "t"}}
    return parse_config({**content, "towers": {"depth": {"hub_modality": "image", **options}}}).towers["depth"]


@pytest.mark.parametrize("trained", ["full", "head", "lora", "last:1", "last:12"])
def test_what_is_trained_is_named(trained: str) -> None:
    assert _tower(trained=trained).trained == trained


@pytest.mark.parametrize("trained", ["all", "last", "last:0", "last:-1", "last: 2", "LoRA"])
def test_other_names_are_refused_with_the_choices(trained: str) -> None:
    with pytest.raises(ConfigError, match="expected full, head, lora or last:N"):
        _tower(trained=trained)


def test_adapters_have_the_usual_defaults_and_need_to_be_asked_for() -> None:
    assert _tower(trained="lora").lora == LoraConfig(rank=8, alpha=16, dropout=0.0, targets=None)
    assert _tower(trained="lora", lora={"rank": 2, "targets": ["q_proj"]}).lora.targets == ["q_proj"]
    with pytest.raises(ConfigError, match="set trained: lora"):
        _tower(lora={"rank": 2})
    with pytest.raises(ConfigError, match="rank"):
        _tower(trained="lora", lora={"rank": 0})


def test_a_closed_form_is_an_encoder_with_a_method() -> None:
    tower = _tower(encoder={"name": "closed_form", "method": "ridge", "penalty": 0.1})
    assert tower.closed_form == ClosedFormConfig(method="ridge", penalty=0.1)
    assert tower.closed_form.encoder == {"name": "raw"}
    assert _tower(encoder={"channels": [8, 16]}).closed_form is None
    features = {"name": "raw", "grid": 4}
    assert ClosedFormConfig(method="cca", features=features).encoder == features


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": {"method": "magic"}}, "ridge"),
        ({"encoder": {"method": "ridge", "rank": 3}}, "rank: not an option of method ridge"),
        ({"encoder": {"method": "cca", "penalty": 1}}, "penalty: not an option of method cca"),
        ({"encoder": {"method": "cca", "shrinkage": 1.0}}, "shrinkage"),
        ({"encoder": {"method": "cca", "features": "closed_form"}}, "not closed_form again"),
        ({"encoder": {"method": "cca", "depth": 3}}, "depth"),
        ({"encoder": {"method": "ridge"}, "trained": "lora"}, "leave out trained"),
        ({"encoder": {"method": "ridge"}, "head": "mlp"}, "leave out trained, head"),
        ({"encoder": {"method": "ridge"}, "train": {"epochs": 3}}, "and train"),
    ],
)
def test_what_a_closed_form_cannot_do_is_refused(options: dict, words: str) -> None:
    options["encoder"]["name"] = "closed_form"
    with pytest.raises(ConfigError, match=words):
        _tower(**options)


def test_a_saved_configuration_opens_again() -> None:
    for options in ({"trained": "lora"}, {"encoder": {"name": "closed_form", "method": "cca"}}):
        tower = _tower(**options)
        assert TowerConfig.model_validate(tower.model_dump(mode="json")) == tower
