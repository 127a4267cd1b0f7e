"""A report as Markdown: averages, matrix, cells, certificates; for a README or an appendix. Floor: report."""

import re
from collections.abc import Iterable, Sequence

from binder.report.blocks import Block, Entry, Facts, Remarks, Table, Text, Tiles
from binder.report.sections.about import about
from binder.report.sections.cells import cells
from binder.report.sections.certificates import certificates
from binder.report.sections.headline import headline
from binder.report.sections.legs import legs
from binder.report.sections.matrix import matrix_table
from binder.report.sections.notes import notes
from binder.report.sections.references import references
from binder.report.subject import Subject
from binder.report.words import bounds, short

_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;"})
# What would be markup: brackets that are no interval, underscores that are not within a word.
_MARKUP = re.compile(r"[\\`*|]|\[(?!-?\d\.\d+, -?\d\.\d+\])|(?<![^\W_])_|_(?![^\W_])")


def render_markdown(subject: Subject) -> str:
    """The report as GitHub's Markdown, ending in a line break; text of users holds no markup."""
    matrices = [matrix_table(subject, rule) for rule in subject.rules if subject.report.cells]
    parts = [f"# {_plain(subject.title)}", *_blocks(headline(subject).blocks), *map(_table, matrices)]
    for make in (references, cells, legs, certificates, notes, about):
        section = make(subject)
        if section.blocks:
            parts += [f"## {section.title}", *_blocks(section.blocks)]
    return "\n\n".join(parts) + "\n"


def _blocks(blocks: Iterable[Block]) -> list[str]:
    return [text for block in blocks if (text := _block(block))]


def _block(block: Block) -> str:
    match block:
        case Text():
            return _plain(block.text)
        case Tiles():
            return _tiles(block)
        case Table():
            return _table(block)
        case Remarks():
            lines = [f"- {_plain(one.text)}{_about(one.about)}" for one in block.remarks]
            return "\n".join([f"**{_plain(block.title)}**", "", *lines])
        case Facts():
            return "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in block.facts)
        case _:
            return ""  # a chart's numbers stand in the table beside it


def _tiles(block: Tiles) -> str:
    metrics = list(dict.fromkeys(score.metric for tile in block.tiles for score in tile.scores))
    heads = ["average", *(text for metric in metrics for text in (metric, f"{metric} by chance")), "of"]
    rows = []
    for tile in block.tiles:
        scores = {score.metric: score for score in tile.scores}
        values = [
            text
            for score in map(scores.get, metrics)
            for text in (
                (f"{score.estimate.value:.3f} {bounds(score.estimate)}".rstrip(), f"{score.chance:.3f}")
                if score
                else ("-", "-")
            )
        ]
        rows.append([tile.name, *values, tile.detail])
    return _grid(heads, rows)


def _table(block: Table) -> str:
    caption = f"{block.caption} {block.left_out}".rstrip()
    return f"{_plain(caption)}\n\n{_grid(block.heads, [list(map(_entry, row)) for row in block.shown])}"


def _entry(entry: Entry) -> str:
    return f"{entry.text} {entry.note}".rstrip()


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[_plain(text) for text in line] for line in (heads, *rows)]
    lines.insert(1, ["---"] * len(heads))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _about(members: Sequence[str]) -> str:
    return f" ({_plain(', '.join(members))})" if members else ""


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", " ".join(short(text, 2000).split())).translate(_ENTITIES)
