"""The input contract: what keeps it passes, what breaks it is told what was got and expected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from binder.errors import SampleError
from binder.types import InputContract, LengthPolicy

SIGNAL = InputContract(
    layout="time channel", unit="V", value_range=(-1.0, 1.0), channels=("left", "right"), rate_hz=100.0, min_length=3
)
TEXT = InputContract(layout="text", unit="utf-8", min_length=2)


@given(npst.arrays(np.float32, st.tuples(st.integers(3, 8), st.just(2)), elements=st.floats(-1, 1, width=32)))
@settings(max_examples=30, deadline=None)
def test_whatever_keeps_the_contract_passes(sample):
    SIGNAL.check(sample)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.zeros(6), r"(?s)wrong number of axes.*\(6,\).*\(time, channel\)"),
        (np.zeros((4, 2, 1)), r"(?s)wrong number of axes.*\(4, 2, 1\)"),
        ("a text", r"(?s)wrong number of axes.*got: +str"),
        (np.zeros((0, 2)), r"(?s)empty or too short.*\(0, 2\).*time >= 3"),
        (np.zeros((2, 2)), r"(?s)empty or too short.*\(2, 2\).*time >= 3"),
        (np.zeros((4, 0)), r"(?s)empty or too short.*\(4, 0\)"),
        (np.zeros((4, 3)), r"(?s)channels.*3 channels.*2 \(left, right\)"),
        (np.full((4, 2), "1"), r"(?s)not numeric.*<U1.*real numbers in V"),
        (np.zeros((4, 2), complex), r"(?s)not numeric.*complex"),
        (np.array([[0, np.nan], [0, np.inf], [0, 0]]), r"(?s)not a number.*2 of 6 values.*never fills in"),
        (np.array([[0, 1.5], [0, -2], [0, 0]]), r"(?s)out of range.*-2 to 1.5.*-1 to 1 V.*unit"),
        (np.full((3, 2), 7, np.int16), r"(?s)out of range.*7 to 7"),
    ],
)
def test_a_broken_contract_says_got_expected_and_fix(sample, message):
    with pytest.raises(SampleError, match=message):
        SIGNAL.check(sample)


def test_range_is_inclusive_and_none_is_no_limit():
    SIGNAL.check(np.array([[-1.0, 1.0]] * 3))
    InputContract(layout="time", unit="V").check(np.array([1e30]))


def test_channels_are_counted_on_their_own_axis():
    contract = InputContract(layout="channel time", unit="V", channels=("a", "b"))
    contract.check(np.zeros((2, 9)))
    with pytest.raises(SampleError, match="9 channels"):
        contract.check(np.zeros((9, 2)))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ("", "empty text"),
        (" a ", "at least 2 visible"),
        (np.zeros(3), r"(?s)not a text.*ndarray.*str"),
    ],
)
def test_texts_must_be_visible_strings(sample, message):
    TEXT.check("ab")
    with pytest.raises(SampleError, match=message):
        TEXT._check_text(sample)


@pytest.mark.parametrize(("kind", "length"), [("any", 3), ("exact", None), ("stretch", None)])
def test_a_length_policy_without_its_length_is_refused(kind, length):
    with pytest.raises(ValueError, match=kind):
        LengthPolicy(kind=kind, length=length)
