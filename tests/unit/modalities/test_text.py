"""Texts: sources, encodings, bytes, and an encoder that padding cannot reach."""

import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from binder.errors import SampleError
from modalities.text import Text
from modalities.text.transform import HIDDEN, PAD

SPEC = Text()
VISIBLE = st.text(st.characters(categories=("L", "M", "N", "P", "S")), min_size=1, max_size=40)


def test_a_string_is_a_text_and_only_a_path_is_a_file(tmp_path):
    path = tmp_path / "caption.txt"
    path.write_bytes("﻿ein grüner Becher\r\n".encode())
    assert SPEC.load(path) == "ein grüner Becher"
    assert SPEC.load(str(path)) == str(path)
    assert SPEC.load(b"ein Becher") == "ein Becher"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "empty text"),
        ("  \n", "empty text"),
        ("grün".encode("latin-1"), "not UTF-8"),
        ("a\ud800", "not UTF-8"),
        (Path("no/such/caption.txt"), "file not found"),
        ({"text": "a"}, "not a text"),
    ],
)
def test_bad_texts_are_refused_with_the_reason(source, reason):
    with pytest.raises(SampleError, match=reason):
        SPEC.load(source)


def test_long_texts_are_refused_not_cut():
    assert Text(max_bytes=6).load("grün!") == "grün!"
    with pytest.raises(SampleError, match=r"(?s)7 bytes.*at most 6.*max_bytes"):
        Text(max_bytes=6).load("grün!!")


@given(VISIBLE)
@settings(max_examples=50, deadline=None)
def test_ids_are_the_bytes_of_the_normalised_text(text):
    expected = [byte + 1 for byte in unicodedata.normalize("NFC", text.strip()).encode()]
    assert SPEC.transform(text).tolist() == expected


def test_equal_looking_texts_get_equal_ids():
    assert torch.equal(SPEC.transform("gr\u00fcn"), SPEC.transform("gru\u0308n"))


def test_collate_pads_and_marks_what_is_there():
    batch = SPEC.collate([SPEC.transform("ab"), SPEC.transform("c")])
    assert batch["ids"].tolist() == [[98, 99], [100, PAD]]
    assert batch["mask"].tolist() == [[True, True], [True, False]]


@given(st.lists(VISIBLE, min_size=2, max_size=4), st.integers(1, 300))
@settings(max_examples=15, deadline=None)
def test_padding_does_not_move_a_vector(texts, surplus):
    torch.manual_seed(0)
    encoder = SPEC.encoder(channels=16).eval()
    tensors = [SPEC.transform(text) for text in texts]
    long = torch.full((max(map(len, tensors)) + surplus,), 77)
    with torch.no_grad():
        padded = encoder(SPEC.collate([*tensors, long]))[:-1]
        alone = torch.cat([encoder(SPEC.collate([tensor])) for tensor in tensors])
    torch.testing.assert_close(padded, alone, atol=2e-6, rtol=0)  # sums of float32 in another order


def test_augment_hides_about_the_given_share_and_nothing_else():
    ids = torch.full((10_000,), 65)
    varied = Text(mask_chance=0.1).augment(ids, torch.Generator().manual_seed(0))
    hidden = varied == HIDDEN
    assert 900 < hidden.sum() < 1100  # mean 1000, deviation 30
    assert (varied[~hidden] == 65).all()
    assert torch.equal(Text(mask_chance=0.0).augment(ids, torch.Generator()), ids)


def test_show_gives_the_text_itself():
    assert SPEC.show("a text").text == "a text"
