"""What makes a saved space a thing for others: its card, its hub's own files, the way to a model hub and back.

Floor: publish, between evaluate and space. It knows saved folders, not spaces: `Space.save_pretrained`,
`from_pretrained` and `push_to_hub` are thin callers.
"""

from binder.publish.card import Card
from binder.publish.corrections import saved_correction, store_correction
from binder.publish.folders import KIND, check_same_hub, find_space, unpacked_hub
from binder.publish.saving import save_space
from binder.publish.transfer import fetch, upload

__all__ = [
    "KIND",
    "Card",
    "check_same_hub",
    "fetch",
    "find_space",
    "save_space",
    "saved_correction",
    "store_correction",
    "unpacked_hub",
    "upload",
]
