"""The correction of a saved space: read with it, put into it, taken out of it. Floor: publish."""

import logging
import shutil
from pathlib import Path

from binder.errors import ArtifactError
from binder.evaluate.corrections import Correction
from binder.publish.folders import KIND
from binder.storage import MANIFEST, new_artifact, read_manifest

FOLDER = "correction"
_OWN = ("kind", "schema", "files", "provenance")  # of a manifest: written anew
log = logging.getLogger(__name__)


def saved_correction(*spaces: Path) -> Correction | None:
    """The correction of a saved space; None where it has none, and for several spaces in one.

    A correction belongs to the modalities it was fitted on; beside others nobody has judged it. It does not come along
    into a merged space, and a warning says so.
    """
    found = [space for space in spaces if (space / FOLDER).is_dir()]
    if found and len(spaces) > 1:
        log.warning(
            "the corrections of %s are left out: they were chosen without the other towers; vectors are raw. "
            "Choose one for the merged space: binder correct",
            ", ".join(map(str, found)),
        )
        return None
    return Correction.load(found[0] / FOLDER) if found else None


def store_correction(space: Path, correction: Correction | None) -> None:
    """Put a correction into the folder of a space in place of any that it has; None takes it out.

    Raises:
        ArtifactError: no space there, or a transductive correction.
    """
    manifest = read_manifest(space, KIND)
    if correction is not None and correction.transductive:
        raise ArtifactError.explain("a transductive correction is not stored", got=correction.name)
    facts = {name: value for name, value in manifest.items() if name not in _OWN}
    with new_artifact(space, KIND, facts) as partial:
        shutil.copytree(space, partial, dirs_exist_ok=True, ignore=_left_behind(space))
        if correction is not None:
            correction.save(partial / FOLDER)


def _left_behind(space: Path):
    """The space's own manifest and correction; those of its towers come along."""
    return lambda folder, _: [MANIFEST, FOLDER] if Path(folder) == space else []
