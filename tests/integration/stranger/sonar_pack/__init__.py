"""A modality and a hub for binder, found through entry points."""
