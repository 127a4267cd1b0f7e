"""Who answers whom, as sparse codes: a block of queries at a time, never a dense matrix. Floor: metrics.

Built by `binder.evaluate` from table columns and by the trainer's validation from keys; read by
`binder.metrics.ranking`, which asks for the answers of a few queries at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64
from scipy.sparse import csr_array

_BLOCK = 256  # queries whose answers are listed at once


class Layer(NamedTuple):
    """One way of being relevant.

    Attributes:
        query_codes: nonzero where a query carries a code.
        code_items: nonzero where a gallery item carries it.
        gain: of a query and an item that share a code, above 0.
    """

    query_codes: csr_array
    code_items: csr_array
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class Relevance:
    """An item is relevant to a query where the two share a code; its gain is that of the best layer in which they do.

    A code stands for one value (a row id, a class, a combination of attributes); an item may carry several.
    """

    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, relevant: "Bool[np.ndarray, 'query gallery'] | csr_array | Relevance") -> "Relevance":
        """Of a matrix, whose nonzero cells are relevant."""
        if isinstance(relevant, Relevance):
            return relevant
        matrix = csr_array(relevant, dtype=np.float32)
        num_items = _shape(matrix)[1]
        return cls((Layer(matrix, incidence(np.arange(num_items)[:, None], num_items)),))

    @classmethod
    def agreeing(
        cls, query_keys: Int[np.ndarray, "query rule"], gallery_keys: Int[np.ndarray, "item rule"]
    ) -> "Relevance":
        """Relevant where the two sides' keys are equal under at least one rule; a negative key equals nothing."""
        num_rules = query_keys.shape[1]
        both = np.concatenate([query_keys, gallery_keys])
        tagged = np.stack([np.broadcast_to(np.arange(num_rules), both.shape), both], axis=-1).reshape(-1, 2)
        found, codes = np.unique(tagged, axis=0, return_inverse=True)
        query, gallery = np.split(np.where(both < 0, -1, codes.reshape(both.shape)), [len(query_keys)])
        return cls((Layer(incidence(query, len(found)), incidence(gallery, len(found)).T.tocsr()),))

    @property
    def shape(self) -> tuple[int, int]:
        """Queries, gallery items."""
        query_codes, code_items, _ = self.layers[0]
        return _shape(query_codes)[0], _shape(code_items)[1]

    @property
    def T(self) -> "Relevance":
        """The other direction: the gallery asks."""
        return Relevance(tuple(Layer(b.T.tocsr(), a.T.tocsr(), gain) for a, b, gain in self.layers))

    def answered(self) -> Bool[np.ndarray, " query"]:
        """Queries that have at least one relevant item in the gallery."""
        return self.most_answers() > 0

    def most_answers(self) -> Float64[np.ndarray, " query"]:
        """Relevant items of every query; one that shares several codes with it is counted as often."""
        total = np.zeros(self.shape[0])
        for query_codes, code_items, _ in self.layers:
            total += query_codes.astype(bool) @ np.diff(code_items.indptr).astype(np.float64)
        return total

    def complete(self) -> bool:
        """Whether every item answers every query, so that nothing can be confused."""
        num_queries, num_items = self.shape
        parts = (self[i : i + _BLOCK] for i in range(0, num_queries, _BLOCK))
        return all(part.matrix().nnz == part.shape[0] * num_items for part in parts)

    def __getitem__(self, queries: slice | Int64[np.ndarray, " chosen"]) -> "Relevance":
        """Of some queries."""
        return Relevance(tuple(layer._replace(query_codes=layer.query_codes[queries]) for layer in self.layers))

    def block(self, queries: slice | Int64[np.ndarray, " chosen"]) -> Bool[np.ndarray, "chosen item"]:
        """Dense rows: for a few queries at a time."""
        return self[queries].matrix().toarray() > 0

    def matrix(self) -> csr_array:
        """Gains where relevant, nothing elsewhere; columns rise within a row. As large as there are answers."""
        total: csr_array | None = None
        for query_codes, code_items, gain in self.layers:
            part = csr_array(query_codes @ code_items)
            part.data = np.full(len(part.data), gain, np.float32)
            total = part if total is None else csr_array(total.maximum(part))
        assert total is not None
        total.sort_indices()
        return total


def incidence(codes: Int[np.ndarray, "item slot"], num_codes: int) -> csr_array:
    """Sparse float32 (item, code), 1 where an item carries a code; negative codes are none.

    Args:
        codes: those of every item, each below `num_codes`.
        num_codes: the width.
    """
    item, slot = np.nonzero(codes >= 0)
    return csr_array((np.ones(len(item), np.float32), (item, codes[item, slot])), shape=(len(codes), num_codes))


def _shape(matrix: csr_array) -> tuple[int, int]:
    assert matrix.shape is not None  # which SciPy's types allow for
    return matrix.shape
