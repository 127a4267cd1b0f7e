"""Turns texts into byte ids and pads them into batches; called by `Text.transform` and `Text.collate`."""

import unicodedata

import torch
from jaxtyping import Int64
from torch import Tensor

PAD = 0
HIDDEN = 257  # stands where `augment` hid a byte
NUM_IDS = 258  # padding, 256 byte values, hidden


def to_ids(text: str) -> Int64[Tensor, " byte"]:
    """Byte value + 1 per UTF-8 byte, after NFC so that equal-looking texts get equal ids."""
    data = unicodedata.normalize("NFC", text.strip()).encode("utf-8")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).long() + 1


def pad(ids: list[Tensor]) -> dict[str, Tensor]:
    """Pad to the longest: `ids` int64 (text, byte) and `mask` bool, True where a byte is."""
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=PAD)
    return {"ids": padded, "mask": padded != PAD}
