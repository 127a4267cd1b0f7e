"""The playground's own small CLIP, through the ordinary open_clip adapter. Floor: hub.

It has a name of its own, `playground:clip`, because a saved space must not hold the path at which
a package happens to be installed.
"""

from binder.errors import HubError
from binder.hub.open_clip import OpenClipHub
from binder.hub.protocol import Hub
from binder.playground import hub_folder


def open_playground_hub(model: str) -> Hub:
    """The small CLIP that comes with binder, trained on playground scenes; `playground:clip`.

    Native:
        image, text

    Quirks:
        It knows rendered scenes and their captions, and nothing else of the world.
    """
    if model != "clip":
        raise HubError.explain("the playground has one hub", got=f"playground:{model}", choices=["playground:clip"])
    hub = OpenClipHub(f"local-dir:{hub_folder()}")
    hub.name = "playground:clip"
    return hub
