"""Makes Ogg files the same each time: libsndfile draws a random number for every stream. Floor: report.

[1] S. Pfeiffer, 2003, RFC 3533, section 6: the page header. https://www.rfc-editor.org/rfc/rfc3533#section-6
"""

import struct

_SERIAL, _CHECKSUM, _COUNT, _HEADER = slice(14, 18), slice(22, 26), 26, 27  # places in a page header [1]
_POLYNOMIAL = 0x04C11DB7


def _table_entry(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ (_POLYNOMIAL if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


_TABLE = tuple(map(_table_entry, range(256)))


def with_serial(data: bytes, serial: int = 0) -> bytes:
    """The same pages with another stream number, and the checksums that this needs.

    Args:
        data: Ogg pages and nothing else.
        serial: of the stream, 0 to 2^32 - 1.
    """
    pages, start = [], 0
    while start < len(data):
        count = data[start + _COUNT]
        length = _HEADER + count + sum(data[start + _HEADER : start + _HEADER + count])
        page = bytearray(data[start : start + length])
        page[_SERIAL], page[_CHECKSUM] = struct.pack("<I", serial), bytes(4)
        page[_CHECKSUM] = struct.pack("<I", checksum(page))
        pages.append(page)
        start += length
    return b"".join(pages)


def checksum(page: bytes | bytearray) -> int:
    """CRC-32 as Ogg takes it: most significant bit first, from 0, of a page whose own checksum is 0."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value
