"""Saved spaces as folders: where one stands, whose hub it has, and a hub that travels inside it. Floor: publish."""

import shutil
from pathlib import Path
from typing import Any

from binder.errors import ArtifactError, HubMismatchError
from binder.hub import Hub
from binder.storage import is_complete, read_json, read_manifest

KIND = "space"
_HERE = "{space}"  # in the name of a hub that lies in the space's own folder
_PACKED = "hub"
_LOCAL = "local-dir:"  # open_clip's own mark of a folder


def find_space(folder: Path) -> Path:
    """The space at `folder`, or the one in the run that stands there."""
    return folder / "space" if is_complete(folder / "space") else folder


def check_same_hub(folder: Path, hub: Hub) -> None:
    """Raise unless the space at `folder` was saved with `hub`.

    Raises:
        ArtifactError: no space there.
        HubMismatchError: another hub, or the same name over other weights.
    """
    manifest = read_manifest(folder, KIND)
    if manifest["hub_fingerprint"] != hub.fingerprint:
        saved = read_json(folder / "hub.json")
        raise HubMismatchError.explain(
            f"{folder} belongs to another hub",
            got=f"{saved['name']} @ {manifest['hub_fingerprint'][:8]}",
            expected=f"{hub.name} @ {hub.fingerprint[:8]}",
            fix="merge spaces of one hub and transform; under an equal name, weights or preprocessing have changed",
        )


def pack_hub(name: str, folder: Path) -> str:
    """Copy the files of a hub that is a folder or a file of this machine into `folder`.

    Returns:
        The name under which `unpacked_hub` finds it there; `name` itself where the hub is no file.

    Raises:
        ArtifactError: its files are gone.
    """
    scheme, _, model = name.partition(":")
    mark = _LOCAL if model.startswith(_LOCAL) else ""
    path = Path(model.removeprefix(_LOCAL))
    if not path.is_absolute():
        return name
    if not path.exists():
        raise ArtifactError.explain("the hub's files are gone", got=path, fix="load the space with hub=NEW PLACE")
    target = folder / _PACKED
    if path.is_dir():
        shutil.copytree(path, target)
        return f"{scheme}:{mark}{_HERE}/{_PACKED}"
    target.mkdir()
    for part in path.parent.glob(f"{path.stem}.*"):  # an .npy has a .json beside it
        shutil.copy(part, target / part.name)
    return f"{scheme}:{mark}{_HERE}/{_PACKED}/{path.name}"


def unpacked_hub(facts: dict[str, Any], folder: Path) -> str:
    """The hub's name, to open it: `facts` is what `hub.json` in `folder` holds."""
    return facts["name"].replace(_HERE, str(folder.absolute()))
