"""What a tower saw held against what is tested: by content, by group, by likeness. Used by `verdict`.

Everything here is hashes, so that a record of them can be checked by others. A likeness counts as a leak where copies
are more than chance explains: the tested items are compared with each other as well, and if those of different groups
look alike (a fixed camera, a hub that tells little apart), so will honest training items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from binder.evaluate.certificate.evidence import KINDS, ROLES, Seen, Tested, parse_entries
from binder.evaluate.certificate.near import first_matches

SHOWN = 3  # examples per finding
BEYOND_CHANCE = 2  # a leak is more than so many times what the tested items show among themselves

Kind = Literal["content", "group", "picture", "sound", "vector"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that the tower of a pair saw and that is tested.

    Attributes:
        kind: how it was found.
        modality: of the tested items; "" for groups.
        tower: that saw it.
        role: what it saw it for.
        count: tested contents, or groups.
        of: how many there are.
        expected: share that chance explains.
        examples: content hashes, or hashes of groups.
    """

    kind: Kind
    modality: str
    tower: str
    role: str
    count: int
    of: int
    expected: float = 0.0
    examples: tuple[str, ...] = ()

    @property
    def taints(self) -> bool:
        """Whether it is more than chance explains."""
        return self.count / self.of > BEYOND_CHANCE * self.expected

    def text(self, names: Mapping[str, str]) -> str:
        """In words; `names` are what hashes stand for, as far as they are known."""
        verb = f"{ROLES[self.role]} by {self.tower}"
        shown = ", ".join(names.get(one, one[:8]) for one in self.examples[:SHOWN])
        shown += ", ..." if self.count > SHOWN else ""
        if self.kind == "group":
            return f"{self.count} of {self.of} groups were {verb}: {shown}"
        if self.kind == "content":
            return f"{self.count} of {self.of} {self.modality} items were {verb}"
        alike = f"{self.count} of {self.of} {self.modality} items look like ones {verb} ({KINDS[self.kind]}): {shown}"
        return alike if self.taints else f"{alike}; chance explains {self.expected:.0%}, so this is no evidence"


def find_leaks(seen: Seen, side: Tested, *, by_id: bool) -> list[Finding]:
    """Contents of one side that the tower saw, or that look like ones it saw."""
    exempt = prototypes(seen, side, by_id=by_id)
    findings = []
    for role in ROLES:
        leaked = [content for content in side.contents if content in seen.contents[role] and content not in exempt]
        if leaked:
            findings.append(_finding("content", seen, side, role, leaked))
        for kind in KINDS:
            findings += _find_alike(seen, side, role, kind, without=exempt | set(leaked), by_id=by_id)
    return findings


def _find_alike(seen: Seen, side: Tested, role: str, kind: str, *, without: set[str], by_id: bool) -> list[Finding]:
    ours = {content: place for content, place in side.contents.items() if content not in without}
    if side.native and not by_id:  # what looks like a prototype is one
        shared = {content for content, groups in seen.groups_of.items() if len(groups) > 1}
        ours = {content: place for content, place in ours.items() if len(side.groups_of[content]) < 2}
    else:
        shared = set()
    tested = side.parsed(kind, ours.values())
    if len(tested.owners) == 0:
        return []
    trained = parse_entries(seen, kind, seen.places(role, without | shared).values())
    found = [side.content[place] for place in first_matches(tested, trained)]
    if not found:
        return []
    expected = 1 - (1 - side.alike_by_chance[kind]) ** max(1, len(trained.owners) / len(tested.owners))
    return [_finding(kind, seen, side, role, found, expected)]


def find_groups(seen: Seen, sides: Sequence[Tested], *, by_id: bool) -> list[Finding]:
    """Groups of the tested rows that the tower saw; those that show only a prototype don't count."""
    groups: dict[str, None] = {}
    for side in sides:
        exempt = prototypes(seen, side, by_id=by_id)
        groups |= {g: None for c, g in zip(side.content, side.group, strict=True) if c not in exempt}
    findings = []
    for role in ROLES:
        both = [group for group in groups if group in seen.groups[role]]
        if both:
            names = {name: told for side in sides for name, told in side.names.items()}
            both.sort(key=lambda one: names.get(one, one))
            findings.append(
                Finding(
                    kind="group",
                    modality="",
                    tower=seen.tower,
                    role=role,
                    count=len(both),
                    of=len(groups),
                    examples=tuple(both[:SHOWN]),
                )
            )
    return findings


def prototypes(seen: Seen, side: Tested, *, by_id: bool) -> set[str]:
    """Seen contents that several groups share, in training or in the evaluation table."""
    if by_id or not side.native:
        return set()
    here, there = side.groups_of, seen.groups_of
    return {one for one in side.contents if one in there and max(len(there[one]), len(here[one])) > 1}


def not_compared(seen: Seen, side: Tested) -> list[str]:
    """Likenesses that one has and the other lacks, in words."""
    lacking = []
    trained = [place for place, modality in enumerate(seen.modality) if modality == side.name]
    for kind in KINDS if trained else ():
        ours, theirs = (
            any((text := column[place]) is not None and text.startswith(kind) for place in places)
            for column, places in (
                (side.vector if kind == "vector" else side.likeness, range(len(side.content))),
                (seen.vector if kind == "vector" else seen.likeness, trained),
            )
        )
        if ours != theirs:
            why = f"the ledger of {seen.tower} holds none" if ours else "the tested ones were not computed"
            lacking.append(f"{KINDS[kind]} of {side.name} not compared: {why}")
    return lacking


def _finding(kind: str, seen: Seen, side: Tested, role: str, found: list[str], expected: float = 0.0) -> Finding:
    return Finding(
        kind=kind,  # pyright: ignore[reportArgumentType]
        modality=side.name,
        tower=seen.tower,
        role=role,
        count=len(found),
        of=len(side.contents),
        expected=expected,
        examples=tuple(found[:SHOWN]),
    )
