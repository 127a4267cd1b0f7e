"""Thermal: see README.md beside this file for the contract, the options and the formats."""

from modalities.thermal.spec import Thermal

__all__ = ["Thermal"]
