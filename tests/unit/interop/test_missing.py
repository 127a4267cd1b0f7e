"""What is not installed is named with the extra that brings it."""

import importlib
import sys

import pytest
from untrained_space import untrained_space

from binder.errors import BinderError
from binder.interop.export import export_tower


@pytest.mark.parametrize(
    "room,package,extra",
    [("mteb", "mteb.models", "mteb"), ("sentence_transformers", "sentence_transformers.base.modules", "sentence-tr")],
)
def test_an_adapter_without_its_library(monkeypatch: pytest.MonkeyPatch, room: str, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"binder.interop.{room}", raising=False)
    with pytest.raises(BinderError, match=rf"is not installed[\s\S]*hub-binder\[{extra}"):
        importlib.import_module(f"binder.interop.{room}")


@pytest.mark.parametrize("package", ["onnxscript", "onnxruntime"])
def test_onnx_without_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BinderError, match=r"is not installed[\s\S]*hub-binder\[onnx\]"):
        export_tower(untrained_space("skeleton"), "skeleton", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
