"""Per-query results as a table that opens without binder. Used by `binder.evaluate.runner`."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from binder.evaluate.headline import Measured
from binder.evaluate.inputs import Rows
from binder.metrics import CUTOFFS, NDCG

_CUT = [*(f"{metric}@{k}" for metric in ("hit", "recall") for k in CUTOFFS), NDCG]
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("query", "gallery", "rule", "id", "group", "content")]
    + [("num_relevant", pa.int64()), ("best_rank", pa.float64()), ("average_precision", pa.float64())]
    + [(name, pa.float64()) for name in ("average_precision_at_r", "r_precision")]
    + [(name, pa.float64()) for name in _CUT]
)


def rank_table(measured: Sequence[Measured], rows: Rows) -> pa.Table:
    """One row per cell and query; a cut-off larger than the gallery is null.

    `id` is the first row that shows the query's content, `group` the unit of the intervals.
    """
    return pa.concat_tables([SCHEMA.empty_table(), *(_cell_ranks(one, rows) for one in measured)])


def _cell_ranks(one: Measured, rows: Rows) -> pa.Table:
    kept, items, columns = one.question.kept, one.question.query, one.table.columns()
    missing = np.full(len(kept), None)
    return pa.table(
        {
            "query": [one.cell.query] * len(kept),
            "gallery": [one.cell.gallery] * len(kept),
            "rule": [one.cell.rule] * len(kept),
            "id": [rows.ids[row] for row in items.first_row[kept]],
            "group": list(one.question.groups),
            "content": [items.content[i] for i in kept],
            "num_relevant": one.table.num_relevant,
            "best_rank": one.table.best_rank,
            "average_precision": one.table.average_precision,
            "average_precision_at_r": one.table.average_precision_at_r,
            "r_precision": one.table.r_precision,
            **{name: columns.get(name, missing) for name in _CUT},
        },
        schema=SCHEMA,
    )
