"""The model card of a saved space, written from its ledgers: README.md with YAML front matter. Floor: publish.

What it says is read from the folder it lies in, so it can say nothing that the files do not. Front matter as the
hub of Hugging Face defines it: https://huggingface.co/docs/hub/model-cards#model-card-metadata.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binder.errors import ArtifactError
from binder.evaluate import Report
from binder.storage import read_json, write_text
from binder.towers import Ledger

CARD = "README.md"
_EVALUATE = "evaluate this space: binder eval"
_STARTED_FROM = ("source", "hub", "encoder")  # in an origin: of an imported release, a hub copy, a library
_TAGS = ("binder", "multimodal", "embeddings", "cross-modal-retrieval")


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model card to be.

    Attributes:
        title: such as ORG/NAME.
        report: of an evaluation of this space; without one the card says that there was none.
        licence: under which the space is published, as the model hub spells it ("apache-2.0", "cc-by-nc-4.0");
            without one the front matter has none: the licences it rests on are listed, what follows from them is
            for people to say.
    """

    title: str
    report: Report | None = None
    licence: str | None = None

    def write(self, folder: Path) -> None:
        """Write README.md into the folder of a space.

        Raises:
            ArtifactError: the report is of a space with another hub or other towers.
        """
        from huggingface_hub import ModelCardData

        hub = read_json(folder / "hub.json")
        towers = [_Tower(path) for path in sorted((folder / "towers").glob("*"))]
        _check_report(self.report, hub, towers)
        front = ModelCardData(
            library_name="hub-binder",
            pipeline_tag="feature-extraction",
            tags=[*_TAGS, *(tower.name for tower in towers)],
            license=self.licence,
        )
        sections = (
            f"# {self.title}",
            _summary(hub, towers),
            _usage(self.title, towers),
            _towers(towers),
            _data(towers),
            _licences(hub, towers),
            _certificates(self.report),
        )
        write_text(folder / CARD, f"---\n{front.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n")


class _Tower:
    """What a card says of one tower; its weights stay on the disk."""

    def __init__(self, folder: Path) -> None:
        facts = read_json(folder / "tower.json")
        self.ledger = Ledger.load(folder)
        self.name: str = self.ledger.modality
        self.encoder: str = dict(facts["encoder"]).get("name", "default")
        self.head: str = facts["head"]
        self.options: dict[str, Any] = facts["modality"]["options"]
        self.origin: dict[str, Any] = facts["origin"] or {}
        self.fingerprint: str = facts["fingerprint"]

    def count(self, role: str, column: str) -> int:
        """Distinct values of a ledger column among the tower's own samples of a role."""
        items = self.ledger.items
        rows = zip(items["role"], items["modality"], items[column], strict=True)
        return len({value for kind, modality, value in rows if (kind, modality) == (role, self.name)})


def _check_report(report: Report | None, hub: dict[str, Any], towers: Sequence[_Tower]) -> None:
    if report is None:
        return
    others = {*report.facts["modalities"]} - {*report.facts["hub_native"], *(tower.name for tower in towers)}
    if others or report.facts["hub_fingerprint"] != hub["fingerprint"]:
        raise ArtifactError.explain(
            "the report is of another space",
            got=f"hub @ {report.facts['hub_fingerprint'][:8]}, {', '.join(report.facts['modalities'])}",
            expected=f"hub @ {hub['fingerprint'][:8]} with towers {', '.join(tower.name for tower in towers)}",
            fix=_EVALUATE,
        )
    evaluated = report.facts.get("towers", {})  # reports from before have no fingerprints of towers
    for tower in towers:
        if tower.name in report.facts["modalities"] and evaluated.get(tower.name) != tower.fingerprint:
            raise ArtifactError.explain(
                f"the report is of another {tower.name} tower",
                got=evaluated.get(tower.name, "no fingerprint: a report of an older binder"),
                expected=f"fingerprint {tower.fingerprint}",
                fix=_EVALUATE,
            )


def _summary(hub: dict[str, Any], towers: Sequence[_Tower]) -> str:
    edges = "; ".join(f"{a} with {b}" for tower in towers for a, b in tower.ledger.edges) or "nothing yet"
    return (
        f"A space of unit vectors around the frozen hub `{hub['name']}` (fingerprint `{hub['fingerprint']}`). "
        f"Trained pairs: {edges}. Towers of other spaces with this fingerprint can be merged into it."
    )


def _usage(title: str, towers: Sequence[_Tower]) -> str:
    samples = ", ".join(f"{tower.name}=[...]" for tower in towers) or "text=[...]"
    lines = ("import binder", "", f'space = binder.Space("{title}")', f"vectors = space.encode({samples})")
    code = "\n".join(lines)
    return _section("Use", f"```bash\npip install hub-binder\n```\n\n```python\n{code}\n```")


def _towers(towers: Sequence[_Tower]) -> str:
    rows = [
        (
            tower.name,
            tower.encoder,
            tower.head,
            ", ".join(f"{a}-{b}" for a, b in tower.ledger.edges),
            next((tower.origin[name] for name in _STARTED_FROM if tower.origin.get(name)), "random weights"),
        )
        for tower in towers
    ]
    return _section("Towers", _table(("modality", "encoder", "head", "trained pairs", "started from"), rows))


def _data(towers: Sequence[_Tower]) -> str:
    rows = [
        (
            tower.name,
            *(str(tower.count(role, "content")) for role in ("train", "validation")),
            str(tower.count("train", "group")),
            ", ".join(f"`{table[:8]}`" for table in tower.ledger.table_fingerprints)
            or tower.origin.get("trained_on", "not declared"),
        )
        for tower in towers
    ]
    heads = ("modality", "samples trained on", "samples that chose the epoch", "groups", "tables")
    return _section(
        "Data", _table(heads, rows) + "\n\nIds, groups and content hashes of every sample lie in the ledgers."
    )


def _licences(hub: dict[str, Any], towers: Sequence[_Tower]) -> str:
    found = [f"hub `{hub['name']}`: {hub['licence'] or 'not declared'}"]
    for tower in towers:
        declared = ", ".join(tower.ledger.licences) or "none declared"
        found.append(f"{tower.name}, of hub, data and first weights: {declared}")
        if licence := tower.origin.get("licence"):
            found.append(f"{tower.name}, first weights: {licence}")
        found += tower.origin.get("limits", [])
    return _section("Licences", "\n".join(f"- {line}" for line in dict.fromkeys(found)))


def _certificates(report: Report | None) -> str:
    if report is None:
        return _section("Certificates", "Not evaluated.")
    rows = [
        (
            cell.name,
            cell.rule,
            cell.certificate.status,
            *(_interval(cell.metrics[name]) if cell.why_not is None else "-" for name in ("hit@1", "mAP")),
            f"{cell.chance['hit@1']:.3f}" if cell.why_not is None else "-",
            f"{cell.num_queries} / {cell.num_gallery}",
            "; ".join(cell.certificate.reasons) or cell.why_not or "",
        )
        for cell in report.cells
    ]
    heads = ("query -> gallery", "relevance", "certificate", "hit@1", "mAP", "chance", "queries / gallery", "because")
    note = (
        "`emergent`: never trained, directly or around the hub, and none of the test samples was seen. "
        "In brackets: the 95% interval, where there are groups enough for one."
    )
    return _section("Certificates", f"{_table(heads, rows)}\n\n{note}")


def _interval(estimate: Any) -> str:
    bounds = "" if estimate.low is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{bounds}"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
