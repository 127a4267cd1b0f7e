"""Prepare a benchmark: `python scripts/prepare NAME SOURCE OUT`.

SOURCE is the data set as its publisher's archives unpack, with the archives themselves beside it if you like: where the
publisher states checksums, they are compared. OUT becomes the prepared folder that `binder eval --data` takes, complete
or absent: tables, data.NAME.yaml (the section `data` of a run), left_out.csv (what is not in the tables, and why).
Files that need no change stay where they are and are named by relative paths.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Protocol

from binder.errors import BinderError
from binder.evaluate.benchmarks import Benchmark, open_benchmark
from prepare.draft import Draft, writing

NAMES = (
    "audiocaps",
    "clotho",
    "ego4d_imu",
    "esc50",
    "llvip",
    "nyu_depth_v2",
    "playground",
    "sun_rgbd",
    "utd_mhad",
)


class Preparer(Protocol):
    """What each module of a data set has.

    Attributes:
        RECORDS: the benchmark records that its tables are for.
    """

    RECORDS: tuple[str, ...]

    def fill(self, draft: Draft) -> None:
        """Write the tables."""
        ...


def main() -> None:
    """Parse, prepare, say what was made and what was not."""
    parser = argparse.ArgumentParser(
        prog="prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="SOURCE OUT; the playground: OUT")
    parser.add_argument("--allow-changed", action="store_true", help="go on where a file is not the published one")
    parser.add_argument("--processes", type=int, default=2, help="for utd_mhad; the others need one")
    arguments = parser.parse_args()
    if len(arguments.folders) != (1 if arguments.name == "playground" else 2):
        parser.error("expected SOURCE OUT, or OUT alone for the playground")
    *sources, out = arguments.folders
    try:
        draft = prepare(
            arguments.name,
            sources[0] if sources else out,
            out,
            allow_changed=arguments.allow_changed,
            processes=arguments.processes,
        )
    except BinderError as error:
        sys.exit(str(error))
    print("\n".join(summary(draft)))


def prepare(name: str, source: Path, out: Path, *, allow_changed: bool = False, processes: int = 1) -> Draft:
    """Write the prepared folder of a data set; returns what was written and what was left out.

    Raises:
        TableError: SOURCE is not in the layout, or a file is not the one whose checksum was published.
        ArtifactError: OUT is a folder of something else.
    """
    module: Preparer = importlib.import_module(f"prepare.{name}")  # pyright: ignore[reportAssignmentType]
    records = [open_benchmark(record) for record in module.RECORDS]
    with writing(source, out, records, allow_changed=allow_changed, processes=processes) as draft:
        module.fill(draft)
    return draft


def summary(draft: Draft) -> list[str]:
    """What was made and what was not, and what to do next, a line each."""
    lines = [f"{draft.out / table}: {rows} rows" for table, rows in draft.tables.items()]
    lines += draft.notes
    if draft.left_out:
        lines.append(f"{len(draft.left_out)} left out, see {draft.out / 'left_out.csv'}; for example:")
        lines += [f"  {one['id']}: {one['reason']}" for one in draft.left_out[:3]]
    for record in draft.records:
        if record.table in draft.tables:
            lines.append(_next(record, draft.out))
    return lines


def _next(record: Benchmark, out: Path) -> str:
    return f"next: binder eval SPACE --benchmark {record.id} --data {out}   ({record.licence})"
