"""Artifacts on disk: directories that are complete or absent. Floor: foundations.

Every artifact is written into a hidden sibling folder, its `manifest.json` last, and renamed into
place. Whoever finds a manifest may trust the rest. Hashes here name contents in ledgers and caches.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from binder.errors import ArtifactError

if TYPE_CHECKING:
    import torch

MANIFEST = "manifest.json"
SCHEMA = 1
_HASH_CHARS = 32  # 128 bits of SHA-256: enough against accidents, short enough to read


def hash_bytes(content: bytes) -> str:
    """Name a content by 128 bits of its SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()[:_HASH_CHARS]


def hash_file(path: Path) -> str:
    """Like `hash_bytes`, for a file of any size."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:_HASH_CHARS]


def hash_json(value: Any) -> str:
    """Name a JSON value; key order does not matter."""
    return hash_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def hash_tensors(tensors: Mapping[str, "torch.Tensor"]) -> str:
    """Name the weights of a network: names, shapes, types and values, wherever they lie; one in memory at a time."""
    from safetensors.torch import save

    parts = [
        f"{name}:{hash_bytes(save({'w': tensor.detach().cpu().contiguous()}))}"
        for name, tensor in sorted(tensors.items())
    ]
    return hash_bytes("\n".join(parts).encode())


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or whoever comes after a crash, sees the old one or the new one, never half."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    partial.write_text(text, encoding="utf-8")
    _to_disk(partial)
    partial.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all, see `write_text`."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError.explain("file not found", got=path) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError.explain("not a JSON file", got=f"{path}: {error}", fix="write the artifact again") from None


@contextmanager
def new_artifact(path: Path, kind: str, facts: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """Give a folder to fill; on a clean exit it becomes the artifact at `path`, else it vanishes.

    An artifact already at `path` is replaced only after the new one is complete.

    Args:
        path: where the artifact will stand.
        kind: what it is ("tower", "space", "report"); `read_manifest` checks it.
        facts: JSON values stored in the manifest beside kind, schema, files and provenance.

    Raises:
        ArtifactError: something else than an artifact stands there.
    """
    path = Path(path)
    if not is_complete(path):
        require_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{uuid.uuid4().hex[:8]}")
    partial.mkdir()
    try:
        yield partial
        seal(partial, kind, facts)
        for file in partial.rglob("*"):
            _to_disk(file)
        _replace_folder(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def require_free(path: Path) -> None:
    """Raise unless nothing is lost when a folder is put at `path`.

    Raises:
        ArtifactError: a file, or a folder that is not empty, stands there.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ArtifactError.explain(
            "the output is not empty", got=path, fix="give a new folder, or remove this one first"
        )


def seal(folder: Path, kind: str, facts: Mapping[str, Any] | None = None) -> None:
    """Write the manifest that declares `folder` complete: sizes and hashes of every file in it."""
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "hash": hash_file(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }
    manifest = {"kind": kind, "schema": SCHEMA, "files": files, "provenance": provenance(), **(facts or {})}
    write_json(folder / MANIFEST, manifest)


def is_complete(path: Path) -> bool:
    """Whether an artifact stands at `path`."""
    path = Path(path)
    if not path.exists():
        _put_back(path)
    return (path / MANIFEST).is_file()


def read_manifest(path: Path, kind: str, *, verify: bool = False) -> dict[str, Any]:
    """Open an artifact's manifest after checking that it is whole and of the right kind.

    Args:
        path: the artifact's folder.
        kind: the kind it must be.
        verify: also compare every file's hash, not only its size.

    Raises:
        ArtifactError: absent, incomplete, corrupt, of another kind or of a newer schema.
    """
    path = Path(path)
    if not is_complete(path):
        raise ArtifactError.explain(
            f"no complete {kind} here",
            got=path,
            expected=f"a folder with {MANIFEST}",
            fix="check the path, or run the step that writes it again",
        )
    manifest = read_json(path / MANIFEST)
    if manifest.get("kind") != kind:
        raise ArtifactError.explain("another kind of artifact", got=f"{manifest.get('kind')} at {path}", expected=kind)
    if manifest.get("schema", 0) > SCHEMA:
        raise ArtifactError.explain(
            "written by a newer binder",
            got=f"schema {manifest['schema']}",
            expected=f"schema <= {SCHEMA}",
            fix="pip install -U hub-binder",
        )
    _check_files(path, manifest["files"], verify)
    return manifest


def _check_files(path: Path, files: Mapping[str, Mapping[str, Any]], verify: bool) -> None:
    for name, facts in files.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != facts["bytes"] or (verify and hash_file(file) != facts["hash"]):
            raise ArtifactError.explain(
                "file missing or changed", got=file, expected=f"{facts['bytes']} bytes, hash {facts['hash']}"
            )


def _put_back(path: Path) -> None:
    """Undo a replacement that a kill stopped between its two renames: the old artifact stands again."""
    for old in path.parent.glob(f".{path.name}.old-*"):
        if (old / MANIFEST).is_file():
            old.replace(path)
            return


def _replace_folder(new: Path, path: Path) -> None:
    """Rename `new` to `path`; the old folder is moved aside first and removed last."""
    if path.exists():
        old = path.with_name(f".{path.name}.old-{uuid.uuid4().hex[:8]}")
        path.replace(old)
        new.replace(path)
        _to_disk(path.parent)
        shutil.rmtree(old)
    else:
        new.replace(path)
        _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk: a machine that fails may rename before it writes."""
    if os.name == "nt":
        return  # Windows opens no folders, and files for this only to write
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def provenance() -> dict[str, Any]:
    """Where and with what this process runs: written into every manifest."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            name: _version(name)
            for name in ("hub-binder", "torch", "open_clip_torch", "transformers", "sentence-transformers")
        },
        "commit": _commit(),
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout this package runs from; None for an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def card_licence(folder: Path) -> str | None:
    """The licence that the model card of a local directory (README.md front matter) states."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    parts = card.read_text(encoding="utf-8").split("---\n", 2)
    try:
        facts = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError:
        return None
    licence = facts.get("license") if isinstance(facts, dict) else None
    return licence if isinstance(licence, str) else None
