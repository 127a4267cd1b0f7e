"""`text`: the sets of prompt templates that come with binder, and those of users."""

import pytest
import yaml

from binder.errors import ConfigError
from modalities.text import Text
from modalities.text.read import TEMPLATES

SETS = sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def test_the_sets_are_those_that_the_readme_lists(root):
    readme = (root / "modalities" / "text" / "README.md").read_text(encoding="utf-8")
    assert len(SETS) == 6
    assert [name for name in SETS if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_different_sentences_and_the_bare_label(name):
    templates = Text(templates=name).templates
    assert 5 <= len(templates) == len(set(templates)) and templates[0] == "{}"
    assert all(template.count("{}") == 1 for template in templates)
    assert set(yaml.safe_load((TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8"))) == {"about", "templates"}


def test_a_set_is_kept_as_its_templates_however_it_was_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("templates: ['{}', 'the smell of {}']\n", encoding="utf-8")
    by_path, by_list = Text(templates=str(path)), Text(templates=["{}", "the smell of {}"])
    assert by_path == by_list and by_path.fingerprint == by_list.fingerprint
    assert by_path.options["templates"] == ("{}", "the smell of {}")
    assert by_path.fingerprint != Text().fingerprint != Text(templates="photos").fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("templates: ['no place']", "not a prompt template"),
        ("templates: ['{} and {}']", "not a prompt template"),
        ("templates: [3]", "not a prompt template"),
        ("templates: []", "the key templates"),
        ("- '{}'", "the key templates"),
        ("templates: [", "not a set of prompt templates"),
    ],
)
def test_broken_sets_are_config_errors(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        Text(templates=str(path))


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"(?s)no such set.*fotos.*audio_events.*photos"):
        Text(templates="fotos")
