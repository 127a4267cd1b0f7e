"""Prints and stores what `binder.run.protocols` finds, and reads what its commands are given. Floor: run."""

from pathlib import Path

import yaml
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from binder.errors import ConfigError
from binder.evaluate.protocols.combined import Combined
from binder.evaluate.protocols.linear_probe import LinearProbe, ProbePoint
from binder.evaluate.protocols.zero_shot import ZeroShot
from binder.evaluate.scoring import Estimate
from binder.storage import write_json

_WORST = 10  # classes listed


def read_names(path: Path | None) -> dict[str, list[str]] | None:
    """Class -> names, from YAML.

    Raises:
        ConfigError: no such file, or no such mapping in it.
    """
    if path is None:
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, list[str]]).validate_python(content)
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ConfigError.explain(
            "no names of classes", got=f"{path}: {error}", expected="class: [name, ...]"
        ) from None


def read_parts(text: str) -> tuple[list[str], dict[str, float] | None]:
    """Parts and weights from `audio+text` or `audio=3+text=1`.

    Raises:
        ConfigError: a weight that is no number, or some parts with and some without.
    """
    named = [part.partition("=") for part in text.split("+")]
    parts, given = [name.strip() for name, _, _ in named], [weight for _, sign, weight in named if sign]
    try:
        weights = dict(zip(parts, map(float, given), strict=True)) if given else None
    except ValueError:
        raise ConfigError.explain("not weights", got=text, expected="audio+text or audio=3+text=1") from None
    return parts, weights


def read_counts(text: str) -> list[int]:
    """Whole numbers from `1,2,4`.

    Raises:
        ConfigError: something else, or a number below 1.
    """
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise ConfigError.explain("not counts", got=text, expected="whole numbers with commas, 1,2,4,8,16")
    return counts


def save(found: ZeroShot | LinearProbe | Combined, path: Path | None, console: Console) -> None:
    """Write all of it as JSON, if a path is given."""
    if path is not None:
        write_json(path, TypeAdapter(type(found)).dump_python(found, mode="json"))
        console.print(f"saved in {path}", highlight=False)


def print_zero_shot(found: ZeroShot, console: Console) -> None:
    """Print metrics beside chance, and the classes that went worst."""
    title = f"{found.modality} by names of {found.label}: {found.certificate.status}, {found.num_queries} items"
    table = Table("", "value", "95 %", "chance", title=title, title_justify="left")
    for name, one in found.metrics.items():
        table.add_row(name, f"{one.value:.3f}", _bounds(one), f"{found.chance[name]:.3f}")
    console.print(table)
    classes = Table("class", "items", "right", "AP", "taken for", title=f"worst of {len(found.classes)} classes")
    asked = sorted((one for one in found.classes if one.num_queries), key=lambda one: one.accuracy or 0.0)
    for one in asked[:_WORST]:
        others = ", ".join(f"{name} {count}" for name, count in one.confused_with)
        classes.add_row(one.name, str(one.num_queries), _three(one.accuracy), _three(one.average_precision), others)
    console.print(classes)
    _say(console, *found.certificate.reasons, *found.notes)


def print_probe(found: LinearProbe, console: Console) -> None:
    """Print the curve beside its control and the zero-shot line."""
    title = f"linear probe of {found.modality}, {len(found.classes)} classes, {found.num_test} items, top-1"
    table = Table(
        "shots", "tower", "95 %", "sd", "untrained", "gain", "over zero-shot", title=title, title_justify="left"
    )
    twins: dict[int, ProbePoint] = {point.shots: point for point in found.untrained}
    for point in found.tower:
        own, twin = point.metrics["top-1"], twins.get(point.shots)
        table.add_row(
            str(point.shots),
            f"{own.value:.3f}",
            _bounds(own),
            _three(point.deviation.get("top-1")),
            _three(twin and twin.metrics["top-1"].value),
            _gap(point.over_untrained),
            _gap(point.over_zero_shot),
        )
    console.print(table)
    if found.zero_shot is not None:
        reached = found.worth_shots
        worth = "more shots a class than were tried" if reached is None else f"{reached} a class or fewer"
        console.print(
            f"zero-shot {found.zero_shot.value:.3f} [{_bounds(found.zero_shot)}], worth {worth}", highlight=False
        )
    _say(console, *found.notes)


def print_combined(found: Combined, console: Console) -> None:
    """Print the sum, and each part alone beside it on the queries that hold the part."""
    title = f"{found.query} -> {found.gallery}: {found.status}, {found.num_queries} queries, {found.num_gallery} items"
    table = Table("query", "queries", "mAP", "95 %", "the sum gains", title=title, title_justify="left")
    whole = found.metrics["mAP"]
    table.add_row("sum", str(found.num_queries), f"{whole.value:.3f}", _bounds(whole), "")
    for part in found.parts:
        if part.alone:
            alone = part.alone["mAP"]
            table.add_row(
                part.part, str(part.num_queries), f"{alone.value:.3f}", _bounds(alone), _gap(part.gain["mAP"])
            )
    console.print(table)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in found.weights.items())
    console.print(f"weights {weights} ({found.chosen_on}); chance {found.chance['mAP']:.3f}", highlight=False)
    _say(console, *(f"{count} queries lack {name}" for name, count in found.missing.items() if count))


def _bounds(one: Estimate) -> str:
    return "-" if one.low is None or one.high is None else f"{one.low:.3f} {one.high:.3f}"


def _gap(one: Estimate | None) -> str:
    return "-" if one is None else f"{one.value:+.3f} [{_bounds(one)}]"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(f"- {line}", style="dim", markup=False, highlight=False)
