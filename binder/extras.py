"""Which optional packages a plug-in needs: the extra of its distribution that bears its name. Floor: foundations.

The modality `video` of hub-binder needs what `pip install "hub-binder[video]"` installs; a plug-in without an extra of
its name needs nothing beyond its distribution.
"""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version

from packaging.requirements import Requirement


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An extra and what of it is not installed.

    Attributes:
        name: as pip takes it, such as `hub-binder[video]`.
        missing: packages that are not installed, or too old.
    """

    name: str
    missing: tuple[str, ...]


def extra_of(group: str, name: str) -> Extra | None:
    """The extra that the plug-in `name` of an entry-point group needs; None where it needs none."""
    for point in entry_points(group=group, name=name):
        needed = _requirements(point)
        if needed:
            assert point.dist is not None, "it has requirements"
            missing = tuple(str(one) for one in needed if not _is_installed(one))
            return Extra(name=f"{point.dist.name}[{name}]", missing=missing)
    return None


def _requirements(point: EntryPoint) -> list[Requirement]:
    """What the extra named like the entry point adds to its distribution."""
    declared = (point.dist.requires if point.dist is not None else None) or []
    found = [Requirement(one) for one in declared]
    chosen = [one for one in found if one.marker and one.marker.evaluate({"extra": point.name})]
    added = [one for one in chosen if one.marker and not one.marker.evaluate({"extra": ""})]
    return [Requirement(f"{one.name}{one.specifier}") for one in added]


def _is_installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
