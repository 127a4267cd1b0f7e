"""The names that `import binder` offers: all there, loaded on first use, and never hidden by a room."""

import importlib
import subprocess
import sys

import pytest

import binder


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_can_be_imported():
    assert len(binder.__all__) == len(binder._HOMES) == 14
    for name in binder.__all__:
        assert getattr(binder, name).__module__.startswith("binder.")
    assert set(binder.__all__) <= set(dir(binder))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="'fit'; it has Hub, InputContract"):
        _ = binder.fit


def test_import_binder_loads_neither_torch_nor_models():
    run("import sys, binder; sys.exit(bool({'torch', 'open_clip', 'transformers', 'datasets'} & set(sys.modules)))")


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_functions_are_not_hidden_by_the_rooms_of_the_same_name(name):
    room = importlib.import_module(f"binder.{name}")
    setattr(binder, name, room)  # what Python does at the end of the first import of a room
    assert callable(getattr(binder, name))
    assert sys.modules[f"binder.{name}"] is room
