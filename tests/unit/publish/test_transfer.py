"""What a model hub refuses is said in a line of our own."""

from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import errors

from binder.errors import ArtifactError
from binder.publish import fetch
from binder.space import Space

DUMP = (
    "404 Client Error. (Request ID: Root=1-abc)\n\nRepository Not Found for url: https://hub.test/api\nPlease make sure"
)
RESPONSE = SimpleNamespace(headers={}, request=None, status_code=404)
CASES = [
    (errors.RepositoryNotFoundError(DUMP, response=RESPONSE), "no such repository, or it is private"),
    (errors.GatedRepoError(DUMP, response=RESPONSE), "its owner must let you in"),
    (errors.RevisionNotFoundError(DUMP, response=RESPONSE), "no such revision"),
    (errors.LocalEntryNotFoundError(DUMP), "cannot be reached, and no copy lies in the cache"),
    (ValueError("one\nsecond"), "ValueError: one"),
]


@pytest.mark.parametrize(("error", "says"), CASES, ids=lambda one: type(one).__name__)
def test_a_refusal_of_the_hub_is_a_line(error, says, monkeypatch):
    def refuse(*args, **options):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(ArtifactError, match=rf"got: +me/it \([^\n]*{says}\)\n  fix: ") as caught:
        fetch("me/it")
    assert "Request ID" not in str(caught.value) and "second" not in str(caught.value)


def test_a_folder_that_is_not_there_is_no_name_of_the_hub():
    with pytest.raises(ArtifactError, match=r"no such space\n  got: +nowhere\n[\s\S]*fix: +check the path"):
        Space.from_pretrained("nowhere")
