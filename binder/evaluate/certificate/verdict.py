"""The verdict on a pair, derived from graph and leaks. Nobody can set it by hand. Used by `binder.evaluate.runner`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from binder.evaluate.certificate.evidence import Seen, Tested
from binder.evaluate.certificate.graph import Provenance, trace
from binder.evaluate.certificate.leaks import Finding, find_groups, find_leaks, not_compared, prototypes
from binder.evaluate.certificate.sources import Source, known_sources
from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.towers.ledger import Ledger

PairKind = Literal["trained", "hub-native", "emergent"]
Status = Literal["trained", "hub-native", "emergent", "tainted"]


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


@dataclass(frozen=True, kw_only=True)
class TowerFacts:
    """What else a verdict needs to know of a tower.

    Attributes:
        hub: name of the one it was trained against.
        hub_fingerprint: of that hub.
        tables: fingerprints of the pair tables it was trained on.
    """

    hub: str
    hub_fingerprint: str
    tables: tuple[str, ...]


class Training:
    """All that is known of how a space was trained; answers one question: `certify`.

    Attributes:
        facts: modality -> of its tower.
        seen: modality -> what its tower saw.
        provenance: who joined what.
        hub_fingerprint: of the space's hub.
        hub_native: modalities that the hub embeds.
    """

    def __init__(
        self,
        ledgers: Mapping[str, Ledger],
        *,
        hub_fingerprint: str,
        hub_native: Iterable[str],
        sources: Sequence[Source] = (),
    ) -> None:
        """Index the ledgers.

        Args:
            ledgers: modality -> the ledger of its tower.
            hub_fingerprint: of the space's hub.
            hub_native: modalities that the hub embeds.
            sources: declared by the user, before those that are known.
        """
        facts = {
            name: TowerFacts(
                hub=ledger.hub, hub_fingerprint=ledger.hub_fingerprint, tables=tuple(ledger.table_fingerprints)
            )
            for name, ledger in ledgers.items()
        }
        seen = {name: Seen.of(ledger) for name, ledger in ledgers.items()}
        provenance = trace(ledgers, native=hub_native, sources=(*sources, *known_sources()))
        self._fill(facts, seen, provenance, hub_fingerprint)

    @classmethod
    def of_hashes(
        cls, facts: Mapping[str, TowerFacts], seen: Mapping[str, Seen], provenance: Provenance, hub_fingerprint: str
    ) -> "Training":
        """From what a record holds."""
        training = cls.__new__(cls)
        training._fill(facts, seen, provenance, hub_fingerprint)
        return training

    def _fill(
        self, facts: Mapping[str, TowerFacts], seen: Mapping[str, Seen], provenance: Provenance, hub_fingerprint: str
    ) -> None:
        self.facts, self.seen, self.provenance = dict(facts), dict(seen), provenance
        self.hub_fingerprint, self.hub_native = hub_fingerprint, provenance.native
        self._tested: dict[Items, Tested] = {}
        self._found: dict[tuple[str, Tested, bool], tuple[Finding, ...]] = {}

    def certify(self, query: Items, gallery: Items, rows: Rows, *, by_id: bool) -> Certificate:
        """Verdict on query -> gallery; `by_id` where relevance is instance-level."""
        for items in (query, gallery):
            if items not in self._tested:
                self._tested[items] = Tested.of(items, rows)
        sides = (self._tested[query], self._tested[gallery])
        return self.judge(*sides, by_id=by_id, has_groups=rows.has_groups)

    def judge(self, query: Tested, gallery: Tested, *, by_id: bool, has_groups: bool) -> Certificate:
        """The same from hashes; `has_groups` where the evaluated table names any."""
        if query.native and gallery.native:
            return Certificate(status="hub-native", pair="hub-native")
        pair: PairKind = "trained" if self.provenance.trained(query.name, gallery.name) else "emergent"
        reasons, notes = self.provenance.reasons(query.name, gallery.name), []
        for name in dict.fromkeys(side.name for side in (query, gallery) if not side.native):
            if name not in self.seen:
                reasons.append(f"no ledger for {name}")
                continue
            reasons += self._faults(name)
            more = self._leaks(name, (query, gallery), by_id=by_id)
            reasons += more[0]
            notes += more[1]
            if name in self.provenance.started:
                notes.append(f"{name} starts from {self.provenance.started[name]}; those samples cannot be compared")
        if not has_groups:
            notes.append("groups not compared: the evaluated table names none, so a shared recording would go unseen")
        status: Status = "tainted" if reasons else pair
        return Certificate(status=status, pair=pair, reasons=tuple(reasons), notes=tuple(dict.fromkeys(notes)))

    def _faults(self, name: str) -> list[str]:
        facts, reasons = self.facts[name], []
        if facts.hub_fingerprint != self.hub_fingerprint:
            reasons.append(f"{name} was trained against another hub ({facts.hub})")
        if not facts.tables:
            reasons.append(f"the samples that {name} was trained on are not recorded")
        return reasons

    def _leaks(self, name: str, sides: tuple[Tested, Tested], *, by_id: bool) -> tuple[list[str], list[str]]:
        """Reasons and notes from what one tower saw."""
        seen, reasons, notes = self.seen[name], [], []
        names = {token: told for side in sides for token, told in side.names.items()}
        for side in sides:
            for finding in self._leaks_of(name, side, by_id):
                (reasons if finding.taints else notes).append(finding.text(names))
            known = prototypes(seen, side, by_id=by_id)
            if known:
                told = f"{len(known)} of {len(side.contents)} {side.name} items were training targets"
                notes.append(f"shared prototypes: {told}")
            notes += not_compared(seen, side)
        reasons += [finding.text(names) for finding in find_groups(seen, sides, by_id=by_id)]
        return reasons, notes

    def _leaks_of(self, name: str, side: Tested, by_id: bool) -> tuple[Finding, ...]:
        key = (name, side, by_id)  # many pairs share a side, and this is what takes time
        if key not in self._found:
            self._found[key] = tuple(find_leaks(self.seen[name], side, by_id=by_id))
        return self._found[key]
