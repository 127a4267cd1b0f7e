"""A process that dies at any moment of writing: for tests that something whole is left."""

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


class Dead(BaseException):
    """The process is no more; nothing after this is carried out."""


def dies_at(moment: int, work: Callable[[], Any], patch: pytest.MonkeyPatch) -> bool:
    """Run `work`, and end it at its `moment`-th operation on files, 0 being the first; whether it came so far.

    Files are left half-written, renames and removals undone, and whatever would clean up does nothing any more.
    """
    done = 0

    def fatal(operation: Callable[..., Any], half: Callable[[Path], None] | None = None) -> Callable[..., Any]:
        def run(path: Any, *args: Any, **options: Any) -> Any:
            nonlocal done
            if done > moment:
                return None
            done += 1
            if done <= moment:
                return operation(path, *args, **options)
            if half is not None:
                half(Path(path))
            raise Dead

        return run

    with patch.context() as patched:
        patched.setattr(Path, "write_text", fatal(Path.write_text, _half_written))
        patched.setattr(Path, "replace", fatal(Path.replace))
        patched.setattr(shutil, "rmtree", fatal(shutil.rmtree, _half_removed))
        patched.setattr(os, "fsync", fatal(os.fsync))
        for name in ("binder.train.state", "binder.towers.checkpoint"):
            module = import_module(name)

            def save(tensors: Any, path: Path, write: Callable[..., Any] = module.save_file) -> None:
                fatal(lambda path: write(tensors, path), _half_written)(path)

            patched.setattr(module, "save_file", save)
        try:
            work()
        except Dead:
            return True
        return False


def _half_written(path: Path) -> None:
    path.write_bytes(b"half of it")


def _half_removed(folder: Path) -> None:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != "manifest.json"]
    if files:
        files[0].unlink()
