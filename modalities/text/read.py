"""Reads texts; called by `Text.read`."""

from pathlib import Path

from binder.errors import SampleError
from binder.modality import read_bytes
from binder.types import Source


def read_text(source: Source, *, max_bytes: int) -> str:
    """Give the text in `source`: a string is the text itself, a `Path` is a UTF-8 file.

    A string that happens to look like a path stays a text. A byte-order mark and the last line
    break of a file are not part of its text.

    Raises:
        SampleError: not UTF-8, longer than `max_bytes`, or neither text nor file.
    """
    if isinstance(source, str):
        text = str(source)
    elif isinstance(source, Path | bytes):
        text = _decode(read_bytes(source))
    else:
        raise SampleError.explain("not a text", got=type(source).__name__, expected="str, UTF-8 bytes, or a Path")
    try:
        length = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise _not_utf8(error) from error
    if length > max_bytes:
        raise SampleError.explain(
            "text too long",
            got=f"{length} bytes",
            expected=f"at most {max_bytes}",
            fix="shorten the text, or raise the option max_bytes",
        )
    return text


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error


def _not_utf8(error: UnicodeError) -> SampleError:
    return SampleError.explain(
        "not UTF-8", got=error, expected="UTF-8 text", fix="convert the file: iconv -f latin1 -t utf-8"
    )
