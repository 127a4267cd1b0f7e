"""Where the report comes from, and how to make it again. Floor: report."""

import shlex
from typing import Any

from binder.report.blocks import Facts, Section
from binder.report.subject import Subject
from binder.report.words import short

_LONGEST = 300


def about(subject: Subject) -> Section:
    """Command, seed, fingerprints and versions; what is not known is left out."""
    report, made = subject.report.facts, subject.made
    prompts, benchmark = report.get("prompts"), report.get("benchmark")
    versions = {name: version for name, version in sorted(made.get("versions", {}).items()) if version}
    told = {
        "command": shlex.join(made.get("command", ())),
        "date": made.get("date"),
        "seed": report["seed"],
        "table": _hash(report.get("table_fingerprint"), f"{report['rows']:,} rows"),
        "hub": _hash(report["hub_fingerprint"], report.get("hub", "")),
        **{f"tower {short(name)}": _hash(value) for name, value in sorted(report.get("towers", {}).items())},
        "prompts": prompts and _hash(prompts["hash"], f"{len(prompts['templates'])} templates"),
        "benchmark": benchmark and f"{benchmark['name']} v{benchmark['version']}, record {benchmark['record_hash']}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "python": made.get("python"),
        "platform": made.get("platform"),
        "commit": made.get("commit"),
    }
    known = ((name, short(str(value), _LONGEST)) for name, value in told.items() if value not in (None, ""))
    return Section(id="reproduce", title="How to reproduce", blocks=(Facts(facts=tuple(known)),))


def _hash(value: Any, what: str = "") -> str | None:
    return None if value is None else f"{what}, fingerprint {value}".lstrip(", ")
