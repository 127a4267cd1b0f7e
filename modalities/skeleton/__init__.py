"""Body joints tracked over time: the worked example of modalities/README.md."""

from modalities.skeleton.spec import Skeleton

__all__ = ["Skeleton"]
