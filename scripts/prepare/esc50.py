"""ESC-50 (K. J. Piczak, 2015): https://github.com/karolpiczak/ESC-50, CC BY-NC 3.0.

Official layout: `meta/esc50.csv` and `audio/*.wav`, as the archive of the repository unpacks (ESC-50-master). Its
publisher states no checksum. Groups are the recordings of Freesound that clips were cut from.
"""

from prepare.draft import Draft, Row, add_prototypes, official_folder, read_rows

RECORDS = ("esc50-imagebind-v1", "esc50-languagebind-v1")
_COLUMNS = ("filename", "fold", "category", "src_file", "take")


def fill(draft: Draft) -> None:
    """Write one row a clip; all are for testing, and `fold` keeps the authors' five folds."""
    root = official_folder(draft.source, "audio", "ESC-50-master/audio").parent
    rows: list[Row] = []
    for clip in read_rows(root / "meta" / "esc50.csv", _COLUMNS):
        file = root / "audio" / clip["filename"]
        if draft.usable_sound(clip["filename"], file):
            name = clip["category"].replace("_", " ")
            rows.append(
                {
                    "id": clip["filename"],
                    "audio": draft.link(file),
                    "text": name,
                    "label": name,
                    "source": f"freesound:{clip['src_file']}",
                    "fold": int(clip["fold"]),
                    "split": "test",
                }
            )
    add_prototypes(rows, draft.records[:1])  # both records name the same classes in the same columns
    draft.write(rows)
