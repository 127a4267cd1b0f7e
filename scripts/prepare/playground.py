"""The playground: no download, made here from a seed; the test scenes depend on all four numbers."""

from binder.playground import make_playground
from prepare.draft import Draft

RECORDS = ("playground-v1",)
SEED, TRAIN, VALIDATION, TEST = 2026, 60, 12, 400


def fill(draft: Draft) -> None:
    """Make the scenes and move them to where the other preparers write."""
    made = make_playground(draft.folder / "scenes", seed=SEED, train=TRAIN, validation=VALIDATION, test=TEST).parent
    for path in made.iterdir():
        if path.name != "manifest.json":
            path.rename(draft.folder / path.name)
    (made / "manifest.json").unlink()
    made.rmdir()
    draft.tables["pairs.parquet"] = TRAIN + VALIDATION + TEST
