"""Protocols beside retrieval: zero-shot classification, few-shot probes, combined queries. Floor: evaluate.

Pure functions of encoded modalities and rows, as in the room above; called by `binder.run.protocols`.
"""
