"""The provenance graph: which modalities any training joined, and by whom. Used by `verdict`.

Nodes are modalities. Edges come from the ledgers (a tower's loss joined its modality with the hub's) and from declared
sources (a tower's encoder started from weights that had seen such pairs before). Of a declared source only the edges
that end in the tower's own modality count: what the weights knew of others is not in this tower's vectors. Labels join
nothing: a classifier shares no space with another one.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from binder.evaluate.certificate.sources import Source, find_source, parse_source
from binder.towers.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Two modalities that were trained against each other.

    Attributes:
        a: a modality.
        b: the other.
        by: who did: "tower audio", "encoder of audio".
        how: `ledger` (binder trained it and wrote it down) or `declared`.
        source: fingerprints of the pair tables, or where it is declared.
    """

    a: str
    b: str
    by: str
    how: Literal["ledger", "declared"]
    source: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """All that is known of who joined what.

    Attributes:
        native: modalities that the hub embeds; they meet in the hub by definition.
        edges: of ledgers and of declared sources.
        started: modality -> what is declared of the weights its encoder started from, in words; random ones have none.
        undeclared: modality -> name of weights of which nothing is declared.
    """

    native: frozenset[str]
    edges: tuple[Edge, ...]
    started: Mapping[str, str]
    undeclared: Mapping[str, str]

    @cached_property
    def _neighbours(self) -> dict[str, dict[str, Edge]]:
        graph: dict[str, dict[str, Edge]] = {}
        for edge in sorted(self.edges, key=lambda one: one.how == "declared"):  # what a ledger says is said first
            graph.setdefault(edge.a, {}).setdefault(edge.b, edge)
            graph.setdefault(edge.b, {}).setdefault(edge.a, edge)
        return graph

    def edge(self, a: str, b: str) -> Edge | None:
        """The edge between two modalities; one of a ledger where there are several."""
        return self._neighbours.get(a, {}).get(b)

    def trained(self, query: str, gallery: str) -> bool:
        """Whether a ledger names an edge between the two."""
        edge = self.edge(query, gallery)
        return edge is not None and edge.how == "ledger"

    def reasons(self, query: str, gallery: str) -> list[str]:
        """Why the pair cannot count as what its ledgers make of it."""
        if self.trained(query, gallery):
            joins_hub = query in self.native or gallery in self.native
            return [] if joins_hub else [f"trained edge {query}-{gallery} between two modalities outside the hub"]
        path = self.path_beside_hub(query, gallery)
        reasons = [self._told(path)] if path else []
        for name in (query, gallery):
            if name in self.undeclared:
                reasons.append(
                    f"{name} starts from {self.undeclared[name]}, whose training is not declared: it may have seen "
                    f"{query}-{gallery} pairs"
                )
        return reasons

    def path_beside_hub(self, query: str, gallery: str) -> list[str] | None:
        """Shortest chain of edges whose inner modalities are all foreign to the hub."""
        paths = [[query]]
        reached = {query}
        for path in paths:  # grows while it is read: breadth first
            for name in sorted(self._neighbours.get(path[-1], {}).keys() - reached):
                if name == gallery:
                    return [*path, name]
                if name not in self.native:
                    reached.add(name)
                    paths.append([*path, name])
        return None

    def _told(self, path: Sequence[str]) -> str:
        edges = [self._neighbours[a][b] for a, b in itertools.pairwise(path)]
        declared = [f"{edge.a}-{edge.b} by the {edge.by} ({edge.source})" for edge in edges if edge.how == "declared"]
        said = f", declared: {'; '.join(declared)}" if declared else ""
        return f"trained path {'-'.join(path)} beside the hub{said}"


def trace(ledgers: Mapping[str, Ledger], *, native: Iterable[str], sources: Sequence[Source]) -> Provenance:
    """The graph of a space.

    Args:
        ledgers: modality -> the ledger of its tower.
        native: modalities that the hub embeds.
        sources: declared ones, to look weights up in.
    """
    edges, started, undeclared = [], {}, {}
    for name, ledger in ledgers.items():
        tables = ", ".join(ledger.table_fingerprints) or "not recorded"
        edges += [Edge(a=a, b=b, by=f"tower {name}", how="ledger", source=tables) for a, b in ledger.edges]
        weights = _name(ledger.origin)
        for source in _declared(ledger, sources):
            edges += [
                Edge(a=a, b=b, by=f"encoder of {name}", how="declared", source=source.source)
                for a, b in source.pairs
                if name in (a, b)
            ]
            labels = "".join(f", labels of {label} for {modality}" for modality, label in source.labels)
            started[name] = f"{weights or 'weights'}, trained on {source.data}{labels} ({source.source})"
        if weights is not None and name not in started and not _is_hub_copy(ledger.origin):
            undeclared[name] = weights
    return Provenance(native=frozenset(native), edges=tuple(edges), started=started, undeclared=undeclared)


def _declared(ledger: Ledger, sources: Sequence[Source]) -> tuple[Source, ...]:
    """What the run says of the weights; else what the table says."""
    if ledger.sources:
        return tuple(parse_source(one, f"the ledger of {ledger.modality}") for one in ledger.sources)
    found = find_source(_names(ledger.origin), sources)
    return () if found is None else (found,)


def _is_hub_copy(origin: Mapping[str, Any] | None) -> bool:
    """A copy of the hub's own tower has seen what the hub has seen, and paths through the hub are no matter."""
    return origin is not None and "hub" in origin


def _name(origin: Mapping[str, Any] | None) -> str | None:
    """What weights are called; None for random ones."""
    if origin is None:
        return None
    return str(next((origin[key] for key in ("release", "hub", "encoder") if key in origin), "unknown weights"))


def _names(origin: Mapping[str, Any] | None) -> list[str]:
    """Names to look weights up by; a local file may hold anything, whatever it is called."""
    if origin is None or "hash" in origin:
        return []
    if "release" in origin:
        return [f"release:{origin['release']}"]
    name = _name(origin)
    return [f"{name}.{origin['tag']}", str(name)] if origin.get("tag") else [str(name)]
