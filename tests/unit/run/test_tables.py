"""What `binder eval` will need is looked for before training."""

import logging

import pytest
from datasets import Dataset

from binder.config import EvaluateConfig
from binder.data import PairTable
from binder.errors import TableError
from binder.run.tables import check_evaluation


@pytest.fixture
def splits() -> dict[str, PairTable]:
    columns = {"text": ["a", "b"], "label": ["x", "y"], "size": [1, 2], "split": ["train", "validation"]}
    return PairTable.from_dataset(Dataset.from_dict(columns)).splits()


@pytest.mark.parametrize("relevance", ["shape", {"text": ["size", "shape"]}, ["label", {"text": ["shape"]}]])
def test_relevance_by_a_column_that_is_not_there_is_refused(splits: dict[str, PairTable], relevance: object) -> None:
    with pytest.raises(TableError, match=r"evaluate.relevance[\s\S]*got:      shape[\s\S]*choices:.*size"):
        check_evaluation(EvaluateConfig.model_validate({"relevance": relevance}), splits)


def test_a_split_that_is_not_there_is_told_and_what_is_there_is_not(
    splits: dict[str, PairTable], caplog: pytest.LogCaptureFixture
) -> None:
    rules = ["id", "label", {"text": ["size", "group"]}]
    with caplog.at_level(logging.WARNING):
        check_evaluation(EvaluateConfig.model_validate({"split": "validation", "relevance": rules}), splits)
        assert not caplog.text
        check_evaluation(EvaluateConfig(), splits)
    assert "no split 'test' to evaluate on later: the table has train, validation" in caplog.text
