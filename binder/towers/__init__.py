"""Towers: encoder -> head -> unit norm for one modality, and their checkpoints. Floor: towers.

The trainer builds and saves them, the space loads and runs them, modalities borrow `blocks`. To
add an encoder, write an `nn.Module` with an int `width` and name it `module:Class` in a config.
"""

from binder.towers.checkpoint import TowerCheckpoint, load_tower, save_tower
from binder.towers.encode import encode_samples
from binder.towers.ledger import Ledger
from binder.towers.tower import Tower, build_tower

__all__ = ["Ledger", "Tower", "TowerCheckpoint", "build_tower", "encode_samples", "load_tower", "save_tower"]
