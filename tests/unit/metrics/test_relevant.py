import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array

from binder.metrics import Layer, Relevance

KEYS = st.integers(-1, 3)


@given(st.data())
def test_keys_agree_as_loops_say_under_any_rule(data):
    num, items, rules = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6)), data.draw(st.integers(1, 2))
    a = data.draw(hnp.arrays(np.int64, (num, rules), elements=KEYS))
    b = data.draw(hnp.arrays(np.int64, (items, rules), elements=KEYS))
    expected = [[any(x == y != -1 for x, y in zip(own, other, strict=True)) for other in b] for own in a]
    relevance = Relevance.agreeing(a, b)
    np.testing.assert_array_equal(relevance.block(slice(None)), expected)
    np.testing.assert_array_equal(relevance.T.block(slice(None)), np.transpose(expected))
    np.testing.assert_array_equal(relevance.answered(), np.any(expected, axis=1))
    assert relevance.complete() == np.all(expected)
    assert (relevance.most_answers() >= np.sum(expected, axis=1)).all()


def test_a_gain_is_that_of_the_best_layer():
    ids, labels = np.array([[0], [1], [2]]), np.array([[0], [0], [1]])
    one, two = (Relevance.agreeing(keys, keys).layers[0] for keys in (labels, ids))
    relevance = Relevance((two._replace(gain=2.0), one))
    np.testing.assert_array_equal(relevance.matrix().toarray(), [[2, 1, 0], [1, 2, 0], [0, 0, 2]])
    np.testing.assert_array_equal(relevance[np.array([2, 0])].matrix().toarray(), [[0, 0, 2], [2, 1, 0]])
    np.testing.assert_array_equal(Relevance.of(relevance).T.matrix().toarray(), relevance.matrix().toarray().T)


@pytest.mark.parametrize("block", [1, 2, 100])
def test_everything_is_relevant_only_if_no_query_lacks_an_item(block, monkeypatch):
    monkeypatch.setattr("binder.metrics.relevant._BLOCK", block)
    full = np.ones((5, 4), bool)
    assert Relevance.of(full).complete()
    full[4, 2] = False
    assert not Relevance.of(full).complete()


def test_an_item_that_shares_two_codes_is_one_answer():
    codes = csr_array(np.array([[1, 1]], np.float32))
    relevance = Relevance((Layer(codes, codes.T.tocsr()),))
    assert relevance.matrix().toarray().tolist() == [[1]]
    assert relevance.most_answers().tolist() == [2]
