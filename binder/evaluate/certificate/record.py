"""A certificate for third parties: hashes, edges and verdicts as JSON, from which every verdict follows again.

`make_record` writes it, `verify_certificate` reads it. The algorithm, and a script that needs no binder, are in
docs/certificate.md. What a record proves: its verdicts follow from its hashes. That the hashes are those of the
training is for the holder of the checkpoint to show: made again from space and table, the record must be the same.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from binder.errors import ArtifactError, BinderError
from binder.evaluate.certificate.evidence import Seen, Tested
from binder.evaluate.certificate.graph import Edge, Provenance
from binder.evaluate.certificate.leaks import BEYOND_CHANCE
from binder.evaluate.certificate.verdict import TowerFacts, Training
from binder.likeness import LIMITS

KIND, SCHEMA = "binder certificate", 1
_OPEN = ("made", "digest")  # not part of what is compared when a record is made again
_SEEN = ("role", "modality", "content", "group", "likeness", "vector")
_TESTED = ("content", "group", "likeness", "vector")


def make_record(
    training: Training,
    tested: Mapping[str, Tested],
    *,
    by_id: bool,
    has_groups: bool,
    table: str,
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of every ordered pair, as JSON values.

    Args:
        training: of the space.
        tested: modality -> what is tested.
        by_id: whether relevance is instance-level.
        has_groups: whether the tested table names groups.
        table: its fingerprint.
        made: when and with what; not compared.
    """
    provenance = training.provenance
    record: dict[str, Any] = {
        "kind": KIND,
        "schema": SCHEMA,
        "made": dict(made),
        "rules": {
            "by_id": by_id,
            "groups": has_groups,
            "limits": {kind: list(limits) for kind, limits in LIMITS.items()},
            "beyond_chance": BEYOND_CHANCE,
        },
        "hub": {"fingerprint": training.hub_fingerprint, "native": sorted(training.hub_native)},
        "edges": [asdict(edge) for edge in provenance.edges],
        "started": dict(provenance.started),
        "undeclared": dict(provenance.undeclared),
        "towers": {
            name: {
                "hub": facts.hub,
                "hub_fingerprint": facts.hub_fingerprint,
                "tables": list(facts.tables),
                "seen": {column: list(getattr(training.seen[name], column)) for column in _SEEN},
            }
            for name, facts in training.facts.items()
        },
        "table": table,
        "tested": {
            name: {"native": one.native, **{column: list(getattr(one, column)) for column in _TESTED}}
            for name, one in tested.items()
        },
    }
    record["verdicts"] = _verdicts(record)
    return {**record, "digest": _digest(record)}


def verify_certificate(record: Any) -> list[str]:
    """Derive every verdict anew from the hashes of a record.

    Returns:
        What does not fit, in words; nothing where all does.

    Raises:
        ArtifactError: not a record, or one of a newer schema.
    """
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise ArtifactError.explain("not a certificate", expected=f"a JSON object of kind {KIND!r}")
    if record.get("schema") != SCHEMA:
        raise ArtifactError.explain("certificate of another schema", got=record.get("schema"), expected=SCHEMA)
    faults = []
    if record.get("digest") != _digest({name: part for name, part in record.items() if name != "digest"}):
        faults.append("the digest is not that of the content: something was changed after the record was made")
    try:
        rules = record["rules"]
        ours = {kind: list(limits) for kind, limits in LIMITS.items()}
        if (rules["limits"], rules["beyond_chance"]) != (ours, BEYOND_CHANCE):
            faults.append(f"other limits of likeness than binder's: {rules}")
        derived = _verdicts(record)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, BinderError) as error:
        return [*faults, f"no verdict can be derived: {type(error).__name__}: {str(error).splitlines()[0]}"]
    told = {(one["query"], one["gallery"]): one for one in record["verdicts"]}
    for one in derived:
        said = told.pop((one["query"], one["gallery"]), None)
        if said != one:
            faults.append(
                f"{one['query']} -> {one['gallery']}: the hashes say {one['status']} ({_because(one)}), the record "
                + ("nothing" if said is None else f"{said.get('status')} ({_because(said)})")
            )
    faults += [f"{query} -> {gallery}: a verdict on what was not tested" for query, gallery in told]
    return faults


def same_evidence(record: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Names of the parts in which two records differ, but for when and where they were made."""
    return [
        name for name in {**record, **again} if name not in _OPEN and record.get(name, _OPEN) != again.get(name, _OPEN)
    ]


def _verdicts(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """From nothing but what the record holds; so nobody's names for groups and rows are in them."""
    rules, hub = record["rules"], record["hub"]
    provenance = Provenance(
        native=frozenset(hub["native"]),
        edges=tuple(Edge(**edge) for edge in record["edges"]),
        started=record["started"],
        undeclared=record["undeclared"],
    )
    towers = record["towers"]
    facts = {
        name: TowerFacts(hub=one["hub"], hub_fingerprint=one["hub_fingerprint"], tables=tuple(one["tables"]))
        for name, one in towers.items()
    }
    seen = {name: Seen(tower=name, **_columns(one["seen"], _SEEN)) for name, one in towers.items()}
    training = Training.of_hashes(facts, seen, provenance, hub["fingerprint"])
    tested = {
        name: Tested(name=name, native=one["native"], **_columns(one, _TESTED))
        for name, one in record["tested"].items()
    }
    verdicts = []
    for query, gallery in itertools.permutations(tested, 2):
        one = training.judge(tested[query], tested[gallery], by_id=rules["by_id"], has_groups=rules["groups"])
        certificate = {"status": one.status, "pair": one.pair, "reasons": list(one.reasons), "notes": list(one.notes)}
        verdicts.append({"query": query, "gallery": gallery, **certificate})
    return verdicts


def _columns(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if len({len(values[name]) for name in names}) > 1:
        raise ValueError("columns of different lengths")
    return {name: tuple(values[name]) for name in names}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _because(verdict: Mapping[str, Any]) -> str:
    return "; ".join(map(str, verdict.get("reasons", ()))) or "no reason"
