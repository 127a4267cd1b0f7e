"""Which optional packages a plug-in needs: the extra of its distribution that bears its name. Floor: foundations.

The modality `video` of hub-binder needs what `pip install "hub-binder[video]"` installs; a plug-in without an extra of
its name needs nothing beyond its distribution.
"""

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points, version

from packaging.requirements import Requirement

_OWN = "hub-binder"


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
        if point.dist is not None and _requirements(point.dist, name):
            return _extra(point.dist, name)
    return None


def own_extra(name: str) -> Extra:
    """An extra of hub-binder itself, such as `report`."""
    return _extra(distribution(_OWN), name)


def _extra(dist: Distribution, name: str) -> Extra:
    missing = tuple(str(one) for one in _requirements(dist, name) if not _is_installed(one))
    return Extra(name=f"{dist.name}[{name}]", missing=missing)


def _requirements(dist: Distribution, name: str) -> list[Requirement]:
    """What an extra adds to its distribution."""
    found = [Requirement(one) for one in dist.requires or []]
    chosen = [one for one in found if one.marker and one.marker.evaluate({"extra": name})]
    added = [one for one in chosen if one.marker and not one.marker.evaluate({"extra": ""})]
    return [Requirement(f"{one.name}{one.specifier}") for one in added]


def _is_installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
