"""How a matrix of logits is cut, so that it never has to exist as a whole. Floor: losses.

Tiles are visited a block of columns at a time, and all blocks of rows within it: a gallery that lies
on another device (a bank in main memory, vectors on the GPU) is then moved only once per pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

# Large enough for the matrix product to run at full speed, small enough for a core's cache and for
# memory that grows with N only through the vectors themselves.
TILE_ROWS, TILE_COLUMNS = 1024, 2048


@dataclass(frozen=True, eq=False)
class Pairs:
    """Some (row, column) places of a matrix of logits; int64 vectors of equal length."""

    rows: Int[Tensor, " pair"]
    columns: Int[Tensor, " pair"]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class RowPairs:
    """Places of a matrix grouped by rows, so that those of any rows are found at once."""

    starts: Int[Tensor, " row_and_end"]
    columns: Int[Tensor, " pair"]

    @classmethod
    def of(cls, pairs: Pairs | None, num_rows: int, device: torch.device) -> "RowPairs":
        """Group `pairs` by their rows."""
        if pairs is None:
            return cls(*(torch.zeros(n, dtype=torch.int64, device=device) for n in (num_rows + 1, 0)))
        rows, order = pairs.rows.sort(stable=True)
        return cls(torch.searchsorted(rows, torch.arange(num_rows + 1, device=device)), pairs.columns[order])

    def of_rows(self, rows: Int[Tensor, " chosen"]) -> Pairs:
        """The places in `rows`, numbered by their position there."""
        starts, sizes = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        owner = torch.arange(len(rows), device=rows.device).repeat_interleave(sizes)
        first = sizes.cumsum(0) - sizes
        offset = torch.arange(len(owner), device=rows.device) - first[owner]
        return Pairs(owner, self.columns[starts[owner] + offset])

    def to(self, device: torch.device | str) -> "RowPairs":
        """The same on `device`."""
        return RowPairs(self.starts.to(device), self.columns.to(device))


@dataclass(frozen=True, eq=False)
class Tile:
    """One block of the matrix: where it lies, and the places inside it, counted from its corner."""

    number: int
    rows: slice
    columns: slice
    excluded: Pairs | None
    partners: Pairs | None


class Tiling:
    """The tiles of a (rows, columns) matrix.

    Args:
        num_rows: of the matrix.
        num_columns: of the matrix.
        exclude: places that take no part.
        partners: places that the caller treats in a way of its own.
    """

    def __init__(
        self, num_rows: int, num_columns: int, exclude: Pairs | None = None, partners: Pairs | None = None
    ) -> None:
        self.num_rows, self.num_columns = num_rows, num_columns
        self._row_blocks = -(-num_rows // TILE_ROWS)
        # few rows against a large bank: as many places a tile, else the steps between products cost more than they
        self._width = TILE_COLUMNS * max(1, TILE_ROWS // max(1, num_rows))
        self._excluded, self._partners = self._sorted(exclude), self._sorted(partners)

    def column_blocks(self) -> Iterator[tuple[slice, list[Tile]]]:
        """Every block of columns with its tiles from top to bottom."""
        for block, start in enumerate(range(0, self.num_columns, self._width)):
            columns = slice(start, min(start + self._width, self.num_columns))
            yield columns, [self._tile(block * self._row_blocks + row, row, columns) for row in range(self._row_blocks)]

    def _tile(self, number: int, row: int, columns: slice) -> Tile:
        rows = slice(row * TILE_ROWS, min((row + 1) * TILE_ROWS, self.num_rows))
        excluded, partners = (
            None if pairs is None else pairs.inside(number, rows, columns) for pairs in (self._excluded, self._partners)
        )
        return Tile(number, rows, columns, excluded, partners)

    def _sorted(self, pairs: Pairs | None) -> "_SortedPairs | None":
        if pairs is None or not len(pairs):
            return None
        tiles = pairs.columns // self._width * self._row_blocks + pairs.rows // TILE_ROWS
        return _SortedPairs(pairs, tiles, self._row_blocks * -(-self.num_columns // self._width))


class _SortedPairs:
    """Places sorted by the tile they lie in."""

    def __init__(self, pairs: Pairs, tiles: Int[Tensor, " pair"], num_tiles: int) -> None:
        tiles, order = tiles.sort()
        self._pairs = Pairs(pairs.rows[order], pairs.columns[order])
        self._bounds = torch.searchsorted(tiles, torch.arange(num_tiles + 1, device=tiles.device)).tolist()

    def inside(self, number: int, rows: slice, columns: slice) -> Pairs | None:
        part = slice(self._bounds[number], self._bounds[number + 1])
        if part.start == part.stop:
            return None
        return Pairs(self._pairs.rows[part] - rows.start, self._pairs.columns[part] - columns.start)


def products(a: Float[Tensor, "row dim"], b: Float[Tensor, "column dim"]) -> Float[Tensor, "row column"]:
    """Inner products of two blocks of vectors; at least float32, whatever precision they come in."""
    logits = a @ b.T
    return logits if logits.dtype == torch.float64 else logits.float()
