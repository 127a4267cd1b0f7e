"""Image: see README.md beside this file for the contract, the options and the formats."""

from modalities.image.spec import Image

__all__ = ["Image"]
