"""Which gallery items answer a query: those that agree on every attribute both modalities can see.

A rule says which table columns each modality shows (a caption shows the class, a thermometer the
temperature). None agrees with nothing, not even with None. Two modalities that share no attribute
have no answers, so their cell cannot be evaluated. A graded rule asks for one agreement instead of all, and gives
each column a gain (2 for the same instance, 1 for the same class), which nDCG@10 counts.
Used by `binder.evaluate.runner` and `cell`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_array

from binder.errors import MetricError
from binder.evaluate.inputs import Rows
from binder.evaluate.items import Items
from binder.metrics import Layer, Relevance


@dataclass(frozen=True, kw_only=True)
class RelevanceRule:
    """Modality -> the attributes it can see.

    Attributes:
        name: shown in the report ("id", "label", or the rule's own).
        sees: columns per modality; a modality that is absent sees nothing.
        gains: of a graded rule: column -> gain, above 0; empty for others.
    """

    name: str
    sees: Mapping[str, tuple[str, ...]]
    gains: Mapping[str, float] = field(default_factory=dict)

    def shared(self, query: str, gallery: str) -> tuple[str, ...]:
        """Attributes that both modalities see, in the query's order."""
        return tuple(name for name in self.sees.get(query, ()) if name in self.sees.get(gallery, ()))

    def why_not(self, query: str, gallery: str) -> str | None:
        """Why this pair cannot be evaluated under this rule; None where it can."""
        blind = [name for name in (query, gallery) if not self.sees.get(name)]
        if blind:
            return f"rule {self.name!r} names no attribute of {' or '.join(blind)}"
        if not self.shared(query, gallery):
            return f"{query} and {gallery} share no attribute under rule {self.name!r}"
        return None


RuleSpec = str | Mapping[str, Sequence[str] | float | int]


def relevance_rules(
    specs: RuleSpec | RelevanceRule | Sequence[RuleSpec | RelevanceRule], modalities: Iterable[str]
) -> tuple[RelevanceRule, ...]:
    """Build rules as a configuration writes them.

    Args:
        specs: one or several of: a column name that every modality sees ("id", "label"), a mapping
            modality -> columns, a mapping column -> gain (a graded rule), or a finished rule.
        modalities: the names that a column name applies to.

    Raises:
        MetricError: no rule, two rules of one name, or a gain that is not above 0.
    """
    single = isinstance(specs, str | Mapping | RelevanceRule)
    listed = [specs] if single else list(specs)
    names = tuple(modalities)
    rules = tuple(_rule(spec, names) for spec in listed)
    if not rules or len({rule.name for rule in rules}) < len(rules):
        raise MetricError.explain("relevance rules need different names", got=[rule.name for rule in rules])
    return rules


def _rule(spec: RuleSpec | RelevanceRule, modalities: tuple[str, ...]) -> RelevanceRule:
    if isinstance(spec, RelevanceRule):
        return spec
    if isinstance(spec, str):
        return RelevanceRule(name=spec, sees={name: (spec,) for name in modalities})
    gains = {name: float(gain) for name, gain in spec.items() if isinstance(gain, int | float)}
    sees = {name: tuple(columns) for name, columns in spec.items() if not isinstance(columns, int | float)}
    if not gains:
        return RelevanceRule(name="attributes", sees=sees)
    if sees or min(gains.values()) <= 0:
        raise MetricError.explain("not a graded rule", got=dict(spec), expected="column -> gain above 0, and no list")
    return RelevanceRule(name="graded", sees={name: tuple(gains) for name in modalities}, gains=gains)


def relate(
    query: Items,
    gallery: Items,
    attributes: tuple[str, ...],
    rows: Rows,
    gains: Mapping[str, float] | None = None,
) -> Relevance:
    """Relevance of `gallery` items for `query` items: agreement on all `attributes`, or with `gains` on any of them."""
    if not gains:
        return Relevance((_layer(query, gallery, attributes, rows, 1.0),))
    return Relevance(tuple(_layer(query, gallery, (name,), rows, gains[name]) for name in attributes))


def _layer(query: Items, gallery: Items, attributes: tuple[str, ...], rows: Rows, gain: float) -> Layer:
    codes = attribute_codes(rows, attributes)
    size = int(codes.max(initial=-1)) + 1
    return Layer(_incidence(query, codes, size), _incidence(gallery, codes, size).T.tocsr(), gain)


def attribute_codes(rows: Rows, attributes: tuple[str, ...]) -> Int64[np.ndarray, " row"]:
    """A number per row, equal where all attributes are equal; -1 where one of them is unknown."""
    numbers: dict[tuple, int] = {}
    values = zip(*(rows.attribute(name) for name in attributes), strict=True)
    try:
        codes = [-1 if None in value else numbers.setdefault(value, len(numbers)) for value in values]
    except (TypeError, ValueError):  # unhashable lists; arrays without one truth value
        raise MetricError.explain(
            f"values of {', '.join(attributes)} cannot be compared", expected="text, numbers or booleans"
        ) from None
    return np.array(codes, dtype=np.int64)


def _incidence(items: Items, codes: np.ndarray, size: int) -> csr_array:
    own = codes[items.rows]
    known = own >= 0
    entries = (np.ones(known.sum(), np.float32), (items.item_of_row[known], own[known]))
    return csr_array(entries, shape=(len(items), size))
