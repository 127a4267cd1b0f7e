"""Spaces to a model hub and back, through huggingface_hub. Floor: publish.

A space is an ordinary model repository: the files of the folder, README.md as its card.
"""

import re
from pathlib import Path

from binder.errors import ArtifactError

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def looks_like_hub_id(name: str) -> bool:
    """Whether `name` is spelled ORG/NAME."""
    return _HUB_ID.fullmatch(name) is not None


def fetch(name: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """The folder of a space: `name` itself if it is one here, else downloaded into the usual cache.

    Args:
        name: a folder, or ORG/NAME.
        revision: branch, tag or commit of a repository.
        token: of a private repository; default: that of the machine's login.

    Raises:
        ArtifactError: neither a folder nor a repository that can be had, and why.
    """
    if Path(name).is_dir():
        return Path(name)
    if not looks_like_hub_id(name):
        raise ArtifactError.explain(
            "no such space",
            got=name,
            expected="a folder, ORG/NAME of a model hub, or a hub as SCHEME:MODEL",
            fix="check the path; it starts at the folder you are in",
        )
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision, token=token))
    except Exception as error:  # the library raises its own errors, its HTTP client's and the file system's
        raise ArtifactError.explain(
            "neither a folder here nor a space on the model hub",
            got=f"{name} ({_reason(error)})",
            fix="check the name, your login (hf auth login) and the network",
        ) from error


def upload(
    folder: Path, name: str, *, private: bool | None = None, revision: str | None = None, token: str | None = None
) -> str:
    """Make the repository if it is not there, and make its contents those of `folder`.

    Args:
        folder: a complete space.
        name: ORG/NAME.
        private: of a new repository; None for the account's default.
        revision: branch to write to.
        token: that may write; default: that of the machine's login.

    Returns:
        Its address.

    Raises:
        ArtifactError: not a name, or the hub refuses, and why.
    """
    if not looks_like_hub_id(name):
        raise ArtifactError.explain("not a repository", got=name, expected="ORG/NAME")
    import huggingface_hub

    api = huggingface_hub.HfApi(token=token, library_name="hub-binder")
    try:
        address = api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            folder_path=folder,
            revision=revision,
            commit_message="Space saved by binder",
            delete_patterns="*",  # a tower that is no longer part of the space must not stay behind
        )
    except Exception as error:  # as in `fetch`
        raise ArtifactError.explain(
            "the model hub refuses the space",
            got=f"{name} ({_reason(error)})",
            fix="check the name, that your login may write there, and the network",
        ) from error
    return str(address)


def _reason(error: Exception) -> str:
    """What went wrong, in a line: the library's own texts are paragraphs, with addresses and request numbers."""
    from huggingface_hub import errors

    known = {
        errors.GatedRepoError: "its owner must let you in",
        errors.RepositoryNotFoundError: "there is no such repository, or it is private",
        errors.RevisionNotFoundError: "it has no such revision",
        errors.LocalEntryNotFoundError: "the model hub cannot be reached, and no copy lies in the cache",
    }
    said = (words for kind, words in known.items() if isinstance(error, kind))
    return next(said, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}")
