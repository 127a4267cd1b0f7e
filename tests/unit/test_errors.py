"""Errors say what happened, what was got, what was expected, the choices and the fix, in that order."""

import pytest

from binder import errors
from binder.errors import BinderError, HubError, HubMismatchError, SampleError


def test_parts_stand_in_the_order_a_reader_needs_them():
    error = SampleError.explain(
        "wrong rate", fix="resample", expected="16000 Hz", choices=[8000, 16000], got="44100 Hz"
    )
    assert isinstance(error, SampleError)
    assert str(error).splitlines() == [
        "wrong rate",
        "  got:      44100 Hz",
        "  expected: 16000 Hz",
        "  choices:  8000, 16000",
        "  fix:      resample",
    ]


def test_absent_parts_leave_no_line_and_no_choice_is_said():
    assert str(BinderError.explain("nothing here")) == "nothing here"
    assert "choices:  (none)" in str(BinderError.explain("nothing here", choices=[]))
    assert "got:      0" in str(BinderError.explain("nothing here", got=0))


def test_undecodable_paths_can_be_printed():
    text = str(SampleError.explain("file not found", got="r\udcff.wav"))
    assert text.encode("utf-8") == rb"file not found" + b"\n  got:      r\\udcff.wav"


def test_every_error_is_a_binder_error():
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(found) == 11
    assert all(issubclass(error, BinderError) for error in found)
    assert issubclass(HubMismatchError, HubError)


def test_one_except_catches_them_all():
    with pytest.raises(BinderError):
        raise HubMismatchError.explain("two hubs")
