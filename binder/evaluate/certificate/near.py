"""Which likenesses are alike: exact searches that are not quadratic. Used by `leaks`.

Bits: if at most d of them differ, one of d + 1 bands of bits is equal, so only items with an equal band are compared
(pigeonhole; e.g. M. Norouzi et al., 2012, Fast Search in Hamming Space with Multi-Index Hashing, CVPR). Landmarks: only
equal ones are looked at, and counted per offset.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from binder.errors import ArtifactError
from binder.likeness import LIMITS

_BLOCK = 4_000_000  # candidates compared at once
_BUCKETS = 2**23 - 15  # a prime
_LANDMARK_DIGITS, _TIME_BITS = 11, 20
_BYTES = {"picture": 40, "vector": 32}
_COARSE_BYTES = 8  # of a picture's likeness; the rest is the fine hash


class Likenesses:
    """Likenesses of one kind, as numbers.

    Attributes:
        kind: picture, sound or vector.
        owners: int64 (n,), whose each is.
    """

    def __init__(self, kind: str, texts: Sequence[str], owners: Sequence[int]) -> None:
        """Parse `KIND:HEX` texts.

        Raises:
            ArtifactError: a text that is no likeness of this kind.
        """
        self.kind, self.owners = kind, np.asarray(owners, np.int64)
        self._digits = [text.removeprefix(f"{kind}:") for text in texts]
        try:
            self.values = self._landmarks() if kind == "sound" else self._bits()
        except ValueError as error:
            raise ArtifactError.explain(f"not a likeness of a {kind}", got=error, expected=f"{kind}:HEX") from None

    def _bits(self) -> np.ndarray:
        width = _BYTES[self.kind]
        return np.frombuffer(bytes.fromhex("".join(self._digits)), np.uint8).reshape(len(self._digits), width)

    def _landmarks(self) -> np.ndarray:
        """int64 (landmark, 3): item, what was heard, when; in order of items."""
        lengths = np.array([len(digits) // _LANDMARK_DIGITS for digits in self._digits], np.int64)
        joined, step = "".join(self._digits), _LANDMARK_DIGITS
        words = np.array([int(joined[at : at + step], 16) for at in range(0, len(joined), step)], np.int64)
        items = np.repeat(np.arange(len(lengths)), lengths)
        return np.stack([items, words >> _TIME_BITS, words & (2**_TIME_BITS - 1)], axis=1)


def parse(texts: Sequence[str | None], kind: str) -> Likenesses:
    """Those of `texts` that are of this kind; their owners are the places in `texts`."""
    found = [(text, place) for place, text in enumerate(texts) if text is not None and text.startswith(f"{kind}:")]
    return Likenesses(kind, [text for text, _ in found], [place for _, place in found])


def first_matches(
    tested: Likenesses, seen: Likenesses, tested_groups: np.ndarray | None = None, seen_groups: np.ndarray | None = None
) -> dict[int, int]:
    """For each owner in `tested` that has any, one owner in `seen` that is alike.

    Args:
        tested: of one kind.
        seen: of the same kind.
        tested_groups: numbers of groups by owner; where given, only pairs of different groups count.
        seen_groups: the same for `seen`.
    """
    matches: dict[int, int] = {}
    if len(tested.owners) == 0 or len(seen.owners) == 0:
        return matches
    for i, j in (_alike_sounds if tested.kind == "sound" else _alike_bits)(tested, seen):
        a, b = tested.owners[i], seen.owners[j]
        if tested_groups is not None and seen_groups is not None:
            apart = tested_groups[a] != seen_groups[b]
            a, b = a[apart], b[apart]
        for owner, other in zip(a.tolist(), b.tolist(), strict=True):
            matches.setdefault(owner, other)
    return matches


def _alike_bits(tested: Likenesses, seen: Likenesses) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    limits = LIMITS[tested.kind]
    parts = (slice(0, _COARSE_BYTES), slice(_COARSE_BYTES, None)) if len(limits) == 2 else (slice(None),)
    a, b = ([_as_words(one.values[:, part]) for part in parts] for one in (tested, seen))
    bands = [
        np.array_split(np.unpackbits(one.values[:, parts[0]], axis=1), limits[0] + 1, axis=1) for one in (tested, seen)
    ]
    for band_a, band_b in zip(*bands, strict=True):
        for i, j in _equal_keys(_as_keys(band_a), _as_keys(band_b)):
            for words_a, words_b, limit in zip(a, b, limits, strict=True):
                close = np.bitwise_count(words_a[i] ^ words_b[j]).sum(axis=1) <= limit
                i, j = i[close], j[close]
            yield i, j


def _as_words(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint64)


def _as_keys(bits: np.ndarray) -> np.ndarray:
    return bits @ (1 << np.arange(bits.shape[1], dtype=np.int64))


def _equal_keys(
    a: np.ndarray, b: np.ndarray, owners: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of places with equal keys, in blocks; no block ends within the places of one of the sorted `owners`."""
    order = np.argsort(b, kind="stable")
    ranked = b[order]
    starts, stops = (np.searchsorted(ranked, a, side=side) for side in ("left", "right"))
    ends = np.cumsum(stops - starts)
    first = 0
    while first < len(a):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _BLOCK, side="right")))
        if owners is not None:
            last = int(np.searchsorted(owners, owners[last - 1], side="right"))
        held = (stops - starts)[first:last]
        within = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
        yield np.repeat(np.arange(first, last), held), order[np.repeat(starts[first:last], held) + within]
        first = last


def _alike_sounds(tested: Likenesses, seen: Likenesses) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Landmarks per pair and offset; a shifted copy's may fall one frame aside, so neighbours count together."""
    fewest, size = LIMITS["sound"][0], len(seen.owners)
    ours, theirs = tested.values, seen.values
    for i, j in _equal_keys(ours[:, 1], theirs[:, 1], ours[:, 0]):
        pair = ours[i, 0] * size + theirs[j, 0]
        bucket = pair % _BUCKETS  # most pairs share too few landmarks: they go before anything is sorted
        some = np.bincount(bucket, minlength=1)[bucket] >= fewest
        i, j, pair = i[some], j[some], pair[some]
        offset = theirs[j, 2] - ours[i, 2] + 2**_TIME_BITS
        keys, counts = np.unique(pair << (_TIME_BITS + 1) | offset, return_counts=True)
        following = np.append(np.where(np.diff(keys) == 1, counts[1:], 0), 0)
        pairs = np.unique(keys[counts + following >= fewest] >> (_TIME_BITS + 1))
        yield pairs // size, pairs % size
