"""Audio: see README.md beside this file for the contract, the options and the formats."""

from modalities.audio.spec import Audio

__all__ = ["Audio"]
