"""Distance maps, still or moving: what depth cameras and stereo matchers give."""

from modalities.depth.spec import Depth

__all__ = ["Depth"]
