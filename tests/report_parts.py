"""A report with something in every section, and the rows behind it, without a training. For tests of pages."""

from dataclasses import replace

import numpy as np
from datasets import Dataset
from evaluate_parts import class_space, make_ledger

from binder.data import PairTable
from binder.evaluate import Report, evaluate_space
from binder.evaluate.certificate import Certificate
from binder.evaluate.corrections import Comparison
from binder.evaluate.curves import CurvePoint, fit_curve
from binder.evaluate.findings import Findings
from binder.evaluate.protocols.combined import Combined, PartAlone
from binder.evaluate.protocols.linear_probe import LinearProbe, ProbePoint
from binder.evaluate.protocols.zero_shot import ZeroShot
from binder.evaluate.reference import Reference
from binder.evaluate.scoring import Estimate
from binder.registry import create_modality
from binder.report.subject import Learned, Samples, Subject

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
ROWS = 60
MADE = {
    "date": "2026-01-02T03:04:05+00:00",
    "command": ["binder", "eval", "runs/some run"],
    "versions": {"hub-binder": "0.1.0", "torch": "2"},
    "python": "3.11",
}
_HALF = Estimate(value=0.5, low=0.4, high=0.6)
_PASSED = Certificate(status="emergent", pair="emergent")


def samples(*, caption: str = "class") -> Samples:
    """Rows with texts, motions and depths; `caption` begins every text."""
    specs = {name: create_modality(name) for name in ("text", "imu", "depth")}
    _, rows, _ = class_space(num=ROWS)
    made = {
        "id": [f"{HOSTILE}{row}" for row in range(ROWS)],
        "label": [f"{HOSTILE}{label}" for label in rows.attributes["label"]],
        "text": [f"{caption} {label}" for label in rows.attributes["label"]],
        **{name: [specs[name].synthetic(row % 3).tolist() for row in range(ROWS)] for name in ("imu", "depth")},
    }
    return Samples(table=PairTable.from_dataset(Dataset.from_dict(made)), specs=specs)


def full_report(shown: Samples) -> Report:
    """Two rules, a tainted cell, calibrations, and results of every protocol."""
    encoded, rows, ledgers = class_space(num=ROWS, noise=2.5)
    ledgers["depth"] = make_ledger("depth", partner="image", items=[("train", "x", "g1", "depth", "depth:0")])
    sees = {"text": ["label"], "imu": ["label"], "depth": ["label"], "image": ["id"]}
    report = evaluate_space(
        encoded, rows, relevance=["label", sees], ledgers=ledgers, hub_fingerprint="hub-1",
        hub_native=("text", "image"), num_bootstrap=100, validation=(encoded, rows),
    )  # fmt: skip
    facts = {
        "hub": HOSTILE,
        "table_fingerprint": shown.table.fingerprint,
        "towers": {"imu": "a", "depth": "b"},
        "skips": [{"id": "1", "modality": "imu", "reason": f"{HOSTILE}\nmore"}],
        "notes": [{"modality": "imu", "note": "silent", "samples": 1, "of": 9, "ids": [HOSTILE]}],
        "no_control": {"imu": HOSTILE},
    }
    return replace(report, facts={**report.facts, **facts}, findings=_findings())


def full_subject(**changes) -> Subject:
    """Everything that a page can show, of hostile names."""
    shown = samples(caption=HOSTILE)
    made = Subject(report=full_report(shown), title=HOSTILE, made=MADE, samples=shown, learned=_learned())
    return replace(made, **changes)


def _findings() -> Findings:
    both = {"hit@1": _HALF, "mAP": _HALF}
    point = ProbePoint(shots=2, metrics={"top-1": _HALF}, deviation={}, costs=(1.0,))
    sizes = {"num_train": 9, "num_test": 9, "num_groups": 9, "num_draws": 1}
    return Findings(
        zero_shot=(
            ZeroShot(
                modality="imu", label="label", certificate=_PASSED, num_queries=9, num_groups=9, classes=(),
                metrics={"top-1": _HALF}, chance={"top-1": 0.1}, confusion=(), prompts=None, notes=(HOSTILE,),
            ),
        ),
        probes=(
            LinearProbe(
                modality="imu", label="label", classes=("a",), tower=(point,), untrained=(point,), zero_shot=_HALF,
                worth_shots=None, **sizes,
            ),
        ),
        combined=(
            Combined(
                query="imu + depth", gallery="text", rule="label", attributes=("label",), weights={"imu": 0.5},
                chosen_on="given", centred=False, certificates={"imu": _PASSED}, num_queries=9, num_dropped=0,
                num_gallery=9, missing={}, metrics=both, chance={"hit@1": 0.1},
                parts=(PartAlone(part="imu", num_queries=9, alone=both, combined=both, gain=both),),
            ),
        ),
        corrections=(
            Comparison(
                query="imu", gallery="depth", rule="label", correction="csls", transductive=True, raw=both,
                corrected=both, difference=both,
            ),
        ),
        references=(
            Reference(
                kind="ceiling", query="imu", gallery="depth", rule="label", metrics=both, difference=both,
                ratio={"mAP": Estimate(value=0.8, low=0.7)}, note=HOSTILE,
            ),
        ),
    )  # fmt: skip


def _learned() -> Learned:
    sizes, scores = (10, 30, 100, 300), (0.2, 0.3, 0.4, 0.45)
    noise = np.random.default_rng(0).normal(0, 0.01, 50)
    points = [CurvePoint(num_pairs=n, score=s, draws=s + noise) for n, s in zip(sizes, scores, strict=True)]
    curve = fit_curve(points, chance=0.1)
    estimates = tuple(Estimate(value=score, low=score - 0.02, high=score + 0.02) for score in scores)
    return Learned(
        name="emergent", metric="mAP", curve=curve, scores=estimates, forecasts=(curve.forecast(600),), notes=(HOSTILE,)
    )
