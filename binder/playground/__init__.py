"""placeholder docstring."""
