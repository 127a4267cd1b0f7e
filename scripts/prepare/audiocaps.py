"""AudioCaps (C. D. Kim et al., 2019): https://github.com/cdjkim/audiocaps; the publisher states no checksums.

Layout: the official `test.csv` (release of 2019), and `audio/` with one file a clip that its user downloaded, named
ID, YID or ID_START (seconds or milliseconds) with any ending that libsndfile reads. With VGGSound's `vggsound.csv`
beside it, a second table leaves out the recordings that VGGSound has, too. Clips without a file are listed, never
replaced.
"""

from pathlib import Path

from binder.errors import TableError
from prepare.clotho import caption_rows, captions_of
from prepare.draft import Draft, Row, official_folder, read_rows

RECORDS = ("audiocaps-v1", "audiocaps-no-vggsound-v1")


def fill(draft: Draft) -> None:
    """Write a row a caption of every clip that is there."""
    files = {file.stem: file for file in sorted(official_folder(draft.source, "audio").iterdir())}
    rows: list[Row] = []
    captions = _captions(draft.source / "test.csv")
    for (clip, start), texts in captions.items():
        file = _file_of(files, clip, start)
        if file is None:
            draft.leave_out(clip, f"no sound file; {len(texts)} captions: {' | '.join(texts)}")
        elif draft.usable_sound(clip, file):
            rows += caption_rows(clip, draft.link(file), captions_of(clip, texts), {"youtube": f"youtube:{clip}"})
    clips = len({row["clip"] for row in rows})
    draft.notes.append(f"{clips} of {len(captions)} clips are here")
    draft.write(rows)
    if not (draft.source / "vggsound.csv").is_file():
        draft.notes.append("vggsound.csv is not in SOURCE, so there is no table without the recordings of VGGSound")
        return
    known = _recordings_of_vggsound(draft.source / "vggsound.csv")
    others = [row for row in rows if row["clip"] not in known]
    draft.notes.append(f"{clips - len({row['clip'] for row in others})} clips are of recordings that VGGSound has, too")
    draft.write(others, "no_vggsound.parquet")


def _captions(path: Path) -> dict[tuple[str, str], list[str]]:
    """Captions of every clip (YouTube id, start), in the order of the file."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in read_rows(path, ("audiocap_id", "youtube_id", "start_time", "caption")):
        found.setdefault((row["youtube_id"], row["start_time"]), []).append(row["caption"])
    clips = [clip for clip, _ in found]
    if len(set(clips)) < len(clips):
        raise TableError.explain("one recording with two clips", got=path, expected="one clip a recording, as released")
    return found


def _file_of(files: dict[str, Path], clip: str, start: str) -> Path | None:
    names = (clip, f"Y{clip}", f"{clip}_{start}", f"Y{clip}_{start}", f"{clip}_{start}000", f"Y{clip}_{start}000")
    return next((files[name] for name in names if name in files), None)


def _recordings_of_vggsound(path: Path) -> set[str]:
    rows = read_rows(path, ("youtube_id", "start", "label", "split"), header=False)
    return {row["youtube_id"] for row in rows}
