"""The averages that a reader takes home. Floor: report."""

from typing import Any

from binder.evaluate.benchmarks import benchmark_lines
from binder.evaluate.headline import Headline
from binder.evaluate.render import rule_in_words
from binder.report.blocks import Block, Remark, Remarks, Score, Section, Text, Tile, Tiles
from binder.report.subject import Subject
from binder.report.words import short

MEANINGS = {
    "emergent, tower to tower": "both towers were trained against the hub only; the two never met",
    "emergent": "no training joined the two but by way of the hub",
    "trained": "pairs that training saw",
    "hub-native": "the frozen hub by itself",
}
_SHOWN = ("hit@1", "mAP")


def headline(subject: Subject) -> Section:
    """Tiles under every rule."""
    blocks: list[Block] = []
    for rule in subject.report.facts["rules"]:
        lines = [line for line in subject.report.headlines if line.rule == rule["name"]]
        ordered = sorted(lines, key=lambda line: [*MEANINGS].index(line.name))
        blocks += [_rule(rule), Tiles(tiles=tuple(map(_tile, ordered)))]
    if benchmark := subject.report.facts.get("benchmark"):
        lines = tuple(Remark(text=line) for line in benchmark_lines(benchmark))
        blocks.append(Remarks(title=f"Benchmark {benchmark['name']} v{benchmark['version']}", remarks=lines))
    return Section(id="headline", title="Headline", blocks=tuple(blocks))


def _rule(rule: dict[str, Any]) -> Block:
    """One sentence; where senses see different things, a list to open."""
    sees = {name: ", ".join(columns) for name, columns in sorted(rule["sees"].items())}
    if rule.get("gains") or len(set(sees.values())) == 1:
        return Text(text=f"An answer agrees with its query on {rule_in_words(rule)}")
    remarks = tuple(Remark(text=f"{short(name)} sees {short(columns, 200)}") for name, columns in sees.items())
    return Remarks(
        title="An answer agrees with its query on all that both senses can see", remarks=remarks, folded=True
    )


def _tile(line: Headline) -> Tile:
    scores = [
        Score(metric=name, estimate=line.metrics[name], chance=line.chance[name])
        for name in _SHOWN
        if name in line.metrics
    ]
    told = f"mean of {len(line.cells)} directions" if line.cells else "no direction left to average"
    left_out = f"; {len(line.left_out)} tainted left out" if line.left_out else ""
    return Tile(name=line.name, meaning=MEANINGS[line.name], scores=tuple(scores), detail=told + left_out)
