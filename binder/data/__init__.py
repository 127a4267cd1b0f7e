"""Pair tables and what is done to them before a model sees a sample. Floor: data.

`PairTable.open` -> `split_by_group` -> `ModalityDataset`; `audit_leaks` looks across splits.
"""

from binder.data.dataset import ModalityDataset, collate_samples
from binder.data.lengths import sample_lengths
from binder.data.reading import OnError, read_sample, read_tensor
from binder.data.remarks import Note, Remark, SampleReport, Skip
from binder.data.splits import Leak, audit_leaks, nested_part, split_by_group, split_by_values
from binder.data.table import PairTable
from binder.data.views import ViewedSpec, ViewRule, Views

__all__ = [
    "Leak",
    "ModalityDataset",
    "Note",
    "OnError",
    "PairTable",
    "Remark",
    "SampleReport",
    "Skip",
    "ViewRule",
    "ViewedSpec",
    "Views",
    "audit_leaks",
    "collate_samples",
    "nested_part",
    "read_sample",
    "read_tensor",
    "sample_lengths",
    "split_by_group",
    "split_by_values",
]
