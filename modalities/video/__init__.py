"""Video: see README.md beside this file for the contract, the options and the formats."""

from modalities.video.spec import Video

__all__ = ["Video"]
