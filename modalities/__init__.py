"""The modalities binder ships, each found through the entry-point group `binder.modalities`."""
