"""Text: see README.md beside this file for the contract, the options and the formats."""

from modalities.text.spec import Text

__all__ = ["Text"]
