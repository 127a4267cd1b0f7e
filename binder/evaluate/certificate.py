"""The verdict on a pair of modalities, derived from the ledgers of the towers. Nobody can set it by hand.

Used by `binder.evaluate.runner`. What the pair is:

- `hub-native`: the hub embeds both; no tower, no training, no further question.
- `trained`: a ledger names an edge between the two.
- `emergent`: neither; whatever is measured was not trained for.

A pair that involves a tower becomes `tainted`, with every reason listed, when

- a tower brings no ledger, or was trained against another hub than the space's (fingerprints differ);
- a tower's ledger names no training table, as that of an imported checkpoint: nothing can be compared;
- the pair was trained directly although neither side is native to the hub, or a chain of trained
  edges joins the two without passing through the hub (text-depth-imu makes text-imu no emergence);
- an evaluated item (content hash, either side) was trained on, or chose a checkpoint, in a ledger of
  the pair; a tower-side item that was seen always taints;
- a group of an evaluated row was trained on or chose a checkpoint. Tables without groups use the id.

One exception. A hub-native item that many rows share (the caption of a class, in several groups) is a
prototype, not a test sample: every zero-shot test asks for the class names of training. Where relevance
is not by id, seen prototypes are reported as a note and do not taint. By id they stand for one row, and do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.towers.ledger import Ledger

PairKind = Literal["trained", "hub-native", "emergent"]
Status = Literal["trained", "hub-native", "emergent", "tainted"]
_ROLES = {"train": "trained on", "validation": "used to choose the checkpoint"}
_SHOWN = 3  # examples per reason


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Verdict on one ordered pair.

    Attributes:
        status: the pair's kind, or `tainted` where there are reasons.
        pair: what the pair is by its edges alone.
        reasons: why it is tainted; empty otherwise.
        notes: facts that do not taint.
    """

    status: Status
    pair: PairKind
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _SeenByTower:
    """A ledger, arranged for looking up."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.content: dict[str, set[str]] = {role: set() for role in _ROLES}
        self.groups: dict[str, set[str]] = {role: set() for role in _ROLES}
        self.groups_of_content: dict[str, set[str]] = {}
        columns = (ledger.items[name] for name in ("role", "content", "group"))
        for role, content, group in zip(*columns, strict=True):
            self.content[role].add(content)
            self.groups[role].add(group)
            self.groups_of_content.setdefault(content, set()).add(group)


class Training:
    """All that is known of how a space was trained; answers one question: `certify`."""

    def __init__(self, ledgers: Mapping[str, Ledger], *, hub_fingerprint: str, hub_native: Iterable[str]) -> None:
        """Index the ledgers.

        Args:
            ledgers: modality -> the ledger of its tower.
            hub_fingerprint: of the space's hub.
            hub_native: modalities that the hub embeds.
        """
        self.seen = {name: _SeenByTower(ledger) for name, ledger in ledgers.items()}
        self.hub_fingerprint, self.hub_native = hub_fingerprint, frozenset(hub_native)

    @cached_property
    def neighbours(self) -> dict[str, set[str]]:
        """The graph of trained edges, over every tower of the space."""
        graph: dict[str, set[str]] = {}
        for tower in self.seen.values():
            for a, b in tower.ledger.edges:
                graph.setdefault(a, set()).add(b)
                graph.setdefault(b, set()).add(a)
        return graph

    def certify(self, query: Items, gallery: Items, rows: Rows, *, by_id: bool) -> Certificate:
        """Verdict on query -> gallery; `by_id` where relevance is instance-level."""
        if query.native and gallery.native:
            return Certificate(status="hub-native", pair="hub-native")
        pair: PairKind = "trained" if gallery.name in self.neighbours.get(query.name, ()) else "emergent"
        reasons, notes = self._edge_reasons(query.name, gallery.name), []
        for name in dict.fromkeys(side.name for side in (query, gallery) if not side.native):
            if name not in self.seen:
                reasons.append(f"no ledger for {name}")
                continue
            tower = self.seen[name]
            if tower.ledger.hub_fingerprint != self.hub_fingerprint:
                reasons.append(f"{name} was trained against another hub ({tower.ledger.hub})")
            if not tower.ledger.table_fingerprints:
                reasons.append(f"the samples that {name} was trained on are not recorded")
            leaks, prototypes = _leaks(tower, (query, gallery), rows, by_id=by_id)
            reasons += leaks
            notes += prototypes
        if not rows.has_groups:
            notes.append("groups not compared: the evaluated table names none, so a shared recording would go unseen")
        status: Status = "tainted" if reasons else pair
        return Certificate(status=status, pair=pair, reasons=tuple(reasons), notes=tuple(dict.fromkeys(notes)))

    def _edge_reasons(self, query: str, gallery: str) -> list[str]:
        if gallery in self.neighbours.get(query, ()):
            joins_hub = query in self.hub_native or gallery in self.hub_native
            return [] if joins_hub else [f"trained edge {query}-{gallery} between two modalities outside the hub"]
        path = self._path_beside_hub(query, gallery)
        return [f"trained path {'-'.join(path)} beside the hub"] if path else []

    def _path_beside_hub(self, query: str, gallery: str) -> list[str] | None:
        """Shortest chain of trained edges whose inner modalities are all foreign to the hub."""
        paths = [[query]]
        reached = {query}
        for path in paths:  # grows while it is read: breadth first
            for name in sorted(self.neighbours.get(path[-1], set()) - reached):
                if name == gallery:
                    return [*path, name]
                if name not in self.hub_native:
                    reached.add(name)
                    paths.append([*path, name])
        return None


def _leaks(tower: _SeenByTower, sides: tuple[Items, Items], rows: Rows, *, by_id: bool) -> tuple[list[str], list[str]]:
    """Reasons and notes from one ledger: items and groups of either side that the tower has seen."""
    reasons, notes = [], []
    groups: set[str] = set()
    for side in sides:
        prototypes = set() if by_id or not side.native else _prototypes(tower, side, rows)
        for role, verb in _ROLES.items():
            seen = [content for content in side.content if content in tower.content[role]]
            leaked = [content for content in seen if content not in prototypes]
            if leaked:
                reasons.append(f"{len(leaked)} of {len(side)} {side.name} items were {verb} by {tower.ledger.modality}")
        known = [content for content in side.content if content in prototypes]
        if known:
            notes.append(f"shared prototypes: {len(known)} of {len(side)} {side.name} items were training targets")
        groups |= {
            rows.groups[row]
            for row, item in zip(side.rows.tolist(), side.item_of_row.tolist(), strict=True)
            if side.content[item] not in prototypes
        }
    for role, verb in _ROLES.items():
        both = sorted(groups & tower.groups[role])
        if both:
            examples = ", ".join(both[:_SHOWN]) + (", ..." if len(both) > _SHOWN else "")
            reasons.append(f"{len(both)} of {len(groups)} groups were {verb} by {tower.ledger.modality}: {examples}")
    return reasons, notes


def _prototypes(tower: _SeenByTower, side: Items, rows: Rows) -> set[str]:
    """Seen contents that several groups share, in training or in the evaluation table."""
    here: dict[str, set[str]] = {}
    for row, item in zip(side.rows.tolist(), side.item_of_row.tolist(), strict=True):
        here.setdefault(side.content[item], set()).add(rows.groups[row])
    there = tower.groups_of_content
    return {
        content for content in side.content if content in there and max(len(there[content]), len(here[content])) > 1
    }
