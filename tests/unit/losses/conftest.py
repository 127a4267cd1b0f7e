"""Tiles of 3 x 4, so that a handful of vectors spans many of them."""

import pytest

from binder.losses import similarity, tiles


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tiles, similarity):
        monkeypatch.setattr(module, "TILE_ROWS", 3)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 4)
