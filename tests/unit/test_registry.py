"""Finding plug-ins by name, and what is said when that fails."""

import sys

import pytest

from binder import registry
from binder.errors import BinderError, RegistryError
from binder.modality import ModalitySpec
from binder.registry import create_modality, hub_adapter, hub_schemes, load_object, modality_class, register_modality


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setattr(registry, "_decorated", {})


def define(label: str = "radar", module: str = __name__) -> type[ModalitySpec]:
    """A class that nobody can build: the registry only needs its name."""
    return type("Radar", (ModalitySpec,), {"name": label, "__module__": module})


def test_a_decorated_class_is_found_by_its_name():
    cls = register_modality(define())
    assert modality_class("radar") is cls
    assert "radar" in registry.modality_names()


def test_running_a_cell_again_replaces_its_class():
    register_modality(define())
    again = register_modality(define())
    assert modality_class("radar") is again


def test_two_modules_cannot_share_a_name():
    register_modality(define())
    with pytest.raises(RegistryError, match=r"(?s)two modalities are named 'radar'.*elsewhere:Radar.*module:OBJECT"):
        register_modality(define(module="elsewhere"))


def test_a_decorated_class_may_not_take_a_built_in_name():
    register_modality(define("audio"))
    with pytest.raises(RegistryError, match="two modalities are named 'audio'"):
        modality_class("audio")


@pytest.mark.parametrize("name", ["", "two words", None, 3])
def test_a_modality_needs_a_usable_name(name):
    with pytest.raises(RegistryError, match="usable name"):
        register_modality(type("Radar", (ModalitySpec,), {"name": name}))


def test_only_modalities_are_registered():
    with pytest.raises(RegistryError, match="not a modality"):
        modality_class("collections:OrderedDict")


def test_an_unknown_name_lists_the_choices_and_the_fix():
    with pytest.raises(RegistryError, match=r"(?s)unknown modality.*'smell'.*audio, depth.*module:OBJECT"):
        create_modality("smell")


REFUSED = [
    ("audio", {"secnds": 3}, r"no option secnds.*got: +secnds=3.*choices: +front_end, rate_hz.*did you mean seconds"),
    ("audio", {"rate_hz": "abc"}, r"option rate_hz of audio.*got: +'abc'.*expected: a valid integer"),
    ("audio", {"resample": "maybe"}, r"option resample of audio.*got: +'maybe'.*expected: a valid boolean"),
    ("audio", {"mono": "left"}, r"option mono of audio.*got: +'left'.*'mix', 'first' or 'refuse'"),
    ("audio", {"front_end": "zzz"}, r"option front_end of audio.*got: +'zzz'.*choices: +binder, ast"),
    ("audio", {"seconds": -1}, r"option seconds of audio.*got: +-1.0.*expected: >= 0.025"),
    (
        "imu",
        {"sensors": ["mag"]},
        r"option sensors of imu.*\['mag'\].*a list, each at most once.*choices: +accel, gyro",
    ),
    ("imu", {"sensors": "accel"}, r"option sensors of imu.*got: +'accel'.*expected: a list"),
    ("imu", {"rate_hz": float("nan")}, r"option rate_hz of imu.*got: +nan.*expected: >= 1"),
    ("depth", {"size": 0}, r"option size of depth.*got: +0.*expected: >= 8"),
    ("depth", {"near_m": 3.0, "far_m": 2}, r"option far_m of depth.*got: +2.0.*expected: > 3.0"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_an_option_that_is_refused_is_named_with_its_value_and_what_it_may_be(name, options, message):
    with pytest.raises(BinderError, match=f"(?s){message}"):
        create_modality(name, **options)


@pytest.mark.parametrize(
    "reference", ["no_such_module:Thing", "collections:NoSuchThing", "collections:", ":Thing", "binder.types:A.b"]
)
def test_what_cannot_be_imported_is_named(reference):
    with pytest.raises(RegistryError, match="cannot import"):
        load_object(reference)


def test_nested_objects_are_found():
    assert load_object("binder.registry:ModalitySpec.load") is ModalitySpec.load


def test_hub_schemes_are_listed_and_unknown_ones_refused():
    assert {"open_clip", "sentence-transformers", "transformers"} <= set(hub_schemes())
    with pytest.raises(RegistryError, match=r"(?s)'vgg'.*open_clip:\.\.\."):
        hub_adapter("vgg")


def test_importing_the_registry_loads_no_torch(root):
    import subprocess

    code = "import sys, binder, binder.registry; binder.modality_names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0
