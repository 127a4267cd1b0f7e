"""Clotho v2.1 (K. Drossos et al., 2020): https://zenodo.org/records/4783391; MD5 sums stand there and in the record.

Official layout: `clotho_captions_evaluation.csv`, `clotho_metadata_evaluation.csv` and `evaluation/*.wav` (from
clotho_audio_evaluation.7z). A clip stands in the row of its first caption, the other four captions follow without it,
so that it is encoded once; `clip` says what belongs together.
"""

from pathlib import Path

from binder.errors import TableError
from prepare.draft import Draft, Row, official_folder, read_rows

RECORDS = ("clotho-v1",)
CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))


def fill(draft: Draft) -> None:
    """Write five rows a clip of the evaluation split."""
    folder = official_folder(draft.source, "evaluation", "clotho_audio_evaluation/evaluation")
    groups = _groups(draft.source)
    rows: list[Row] = []
    for clip in read_rows(draft.source / "clotho_captions_evaluation.csv", ("file_name", *CAPTIONS)):
        name = clip["file_name"]
        if name not in groups:
            raise TableError.explain("a clip without metadata", got=name, expected="clotho_metadata_evaluation.csv")
        captions = captions_of(name, [clip[column] for column in CAPTIONS])
        if draft.usable_sound(name, folder / name):
            rows += caption_rows(name, draft.link(folder / name), captions, {"source": groups[name]})
    draft.write(rows)


def captions_of(clip: str, captions: list[str]) -> list[str]:
    """The captions, none of them empty.

    Raises:
        TableError: one is: a query that asks nothing has no right answer, and dropping it would hide the defect.
    """
    stripped = [(caption or "").strip() for caption in captions]
    if not all(stripped):
        numbers = [number for number, caption in enumerate(stripped, start=1) if not caption]
        raise TableError.explain("empty captions", got=f"{clip}: number {numbers}", fix="download the captions again")
    return stripped


def caption_rows(clip: str, audio: str, captions: list[str], facts: dict[str, str]) -> list[Row]:
    """One row a caption; the first brings the sound."""
    return [
        {
            "id": f"{clip}#{number}",
            "clip": clip,
            "audio": audio if number == 1 else None,
            "text": caption,
            "split": "test",
            **facts,
        }
        for number, caption in enumerate(captions, start=1)
    ]


def _groups(source: Path) -> dict[str, str]:
    """The recording of Freesound behind each clip; the clip where the metadata don't know it."""
    # latin-1: that is how the publisher wrote this one file
    rows = read_rows(source / "clotho_metadata_evaluation.csv", ("file_name", "sound_id"), encoding="latin-1")
    return {
        row["file_name"]: f"freesound:{row['sound_id']}" if row["sound_id"].isdigit() else row["file_name"]
        for row in rows
    }
