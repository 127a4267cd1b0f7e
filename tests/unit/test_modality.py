"""What every modality inherits: `load`, options, reference, fingerprint, and reading bytes."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from binder.errors import SampleError
from binder.modality import ModalitySpec, read_bytes
from binder.registry import load_object
from binder.types import InputContract


@dataclass(frozen=True, kw_only=True)
class Level(ModalitySpec):
    """One number per line of a file."""

    name: ClassVar[str] = "level"
    text: ClassVar[bool] = False

    limit: float = 1.0
    names: tuple[str, ...] = ("a",)

    @property
    def contract(self):
        return InputContract(layout="text" if self.text else "time", unit="V", value_range=(0.0, self.limit))

    def read(self, source):
        if self.text or isinstance(source, np.ndarray):
            return source
        return np.array(read_bytes(source).split(), np.float32)

    def transform(self, sample):
        raise NotImplementedError

    def encoder(self, **options):
        raise NotImplementedError

    def synthetic(self, seed):
        return np.random.default_rng(seed).uniform(0, self.limit, 4)


class Words(Level):
    text = True


def test_load_reads_and_checks(tmp_path):
    path = tmp_path / "level.txt"
    path.write_text("0.25\n0.5\n")
    np.testing.assert_array_equal(Level().load(path), [0.25, 0.5])
    np.testing.assert_array_equal(Level().load(str(path)), [0.25, 0.5])
    path.write_text("0.25\n2\n")
    with pytest.raises(SampleError, match="out of range"):
        Level().load(path)
    assert Level(limit=3.0).load(path).max() == 2


def test_load_names_the_fault_of_a_file(tmp_path):
    empty = tmp_path / "empty.txt"
    empty.touch()
    for source, message in (
        (tmp_path / "absent.txt", "file not found"),
        (str(tmp_path / "absent.txt"), "file not found"),
        (tmp_path, "a folder, not a file"),
        (empty, "empty file"),
        (tmp_path / ("x" * 300), "cannot open the file"),
        ("x" * 5000, "cannot open the file"),
    ):
        with pytest.raises(SampleError, match=message):
            Level().load(source)


def test_a_string_is_a_path_except_where_samples_are_texts(tmp_path):
    assert Words().load("no/such/file") == "no/such/file"
    with pytest.raises(SampleError, match="file not found"):
        Words().load(Path("no/such/file"))


@pytest.mark.skipif(os.name != "posix", reason="other systems' paths are text")
def test_paths_that_are_not_utf8_are_read_and_named(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    try:
        path.write_text("0.5")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    np.testing.assert_array_equal(Level().load(path), [0.5])
    path.unlink()
    with pytest.raises(SampleError) as raised:
        Level().load(path)
    assert "udcff.txt" in str(raised.value)
    str(raised.value).encode("utf-8")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_sample_error(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("0.5")
    path.chmod(0)
    with pytest.raises(SampleError, match="cannot open the file"):
        Level().load(path)


def test_read_bytes_takes_paths_bytes_and_datasets_cells(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    for source in (path, str(path), b"abc", {"bytes": b"abc", "path": "elsewhere"}, {"bytes": None, "path": str(path)}):
        assert read_bytes(source) == b"abc"
    for source, message in (
        (b"", "empty file"),
        ({"bytes": None, "path": None}, "folder|not found"),
        ({"array": 1}, "not a file"),
        (3, "not a file"),
    ):
        with pytest.raises(SampleError, match=message):
            read_bytes(source)


def test_options_and_reference_rebuild_the_object():
    spec = Level(limit=2.0, names=("b", "c"))
    assert spec.options == {"limit": 2.0, "names": ("b", "c")}
    module = sys.modules[Level.__module__]
    assert spec.reference == f"{module.__name__}:Level"
    assert load_object("collections:OrderedDict.fromkeys").__name__ == "fromkeys"


def test_fingerprint_follows_options_and_forgets_tuple_or_list():
    assert Level().fingerprint == Level(limit=1.0).fingerprint
    assert Level().fingerprint != Level(limit=2.0).fingerprint
    assert Level(names=("b",)).fingerprint != Level().fingerprint


def test_fingerprint_follows_the_code_of_the_package(tmp_path, monkeypatch):
    package = tmp_path / "changing"
    package.mkdir()
    code = Path(__file__).read_text(encoding="utf-8").split("def test_load_reads")[0]
    (package / "__init__.py").write_text("from changing.spec import Level\n")
    (package / "spec.py").write_text(code)
    (package / "read.py").write_text("FACTOR = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = load_object("changing:Level")().fingerprint
    (package / "README.md").write_text("words change nothing")
    assert load_object("changing:Level")().fingerprint == before
    (package / "read.py").write_text("FACTOR = 2\n")
    assert load_object("changing:Level")().fingerprint != before
    for name in ("changing", "changing.spec"):
        sys.modules.pop(name)


def test_augment_is_the_identity_unless_a_modality_says_otherwise():
    import torch

    tensor = torch.rand(3)
    assert torch.equal(Level().augment(tensor, torch.Generator()), tensor)
    assert torch.equal(Level().collate([tensor, tensor + 1]), torch.stack([tensor, tensor + 1]))
