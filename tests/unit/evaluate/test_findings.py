"""A report keeps, stores and prints what was found beside its matrix."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from binder.evaluate import Report, evaluate_space
from binder.evaluate.corrections import fit_correction, parse_stages
from binder.evaluate.findings import Findings
from binder.evaluate.reference import Reference
from binder.evaluate.scoring import Estimate
from tests.evaluate_parts import class_space


def corrected_report() -> Report:
    encoded, rows, ledgers = class_space(num=120, classes=6)
    training, _, _ = class_space(num=120, classes=6, seed=1)
    fitted = {name: training[name].vectors for name in ("text", "image", "imu")}  # depth was not there
    correction = fit_correction(parse_stages("centre"), fitted, native=("text", "image"))
    validation = (training, class_space(num=120, classes=6, seed=1)[1])
    return evaluate_space(
        encoded,
        rows,
        relevance="label",
        ledgers=ledgers,
        hub_fingerprint="hub-1",
        hub_native=("text", "image"),
        num_bootstrap=100,
        correction=correction,
        validation=validation,
    )


def test_a_stored_correction_is_scored_beside_every_raw_cell_it_fits(tmp_path: Path) -> None:
    report = corrected_report()
    found = {(one.query, one.gallery): one for one in report.findings.corrections}
    assert set(found) == {(a, c) for a in ("text", "image", "imu") for c in ("text", "image", "imu") if a != c}
    for pair, one in found.items():
        cell = report.cell(*pair)
        assert (one.rule, one.correction) == ("label", "centre")
        assert one.raw["mAP"] == cell.metrics["mAP"]
        assert one.difference["mAP"].value == one.corrected["mAP"].value - one.raw["mAP"].value
    report.save(tmp_path / "report")
    assert Report.load(tmp_path / "report").to_json() == report.to_json()
    loaded = Report.load(tmp_path / "report")
    assert (loaded.findings, loaded.diagnosis) == (report.findings, report.diagnosis)


def test_diagnosis_covers_every_cell_and_its_legs() -> None:
    report = corrected_report()
    for cell in report.cells:
        behind = report.diagnosis.cell(cell.query, cell.gallery, cell.rule)
        assert behind is not None
        towers = {cell.query, cell.gallery} <= {"imu", "depth"}
        assert {one.via for one in behind.legs} == ({"text", "image"} if towers else set())
        assert behind.calibration is not None
        assert 0 <= behind.calibration.error <= 1
        assert len(behind.examples) <= 6
        for leg in behind.legs:
            assert leg.first.hit == report.cell(cell.query, leg.via).metrics["hit@1"].value
            assert leg.second.hit == report.cell(leg.via, cell.gallery).metrics["hit@1"].value
    assert {one.modality for one in report.diagnosis.shapes} == {"text", "image", "imu", "depth"}
    assert report.cell("imu", "depth").controls["label only"].metrics["mAP"].value > 0


def test_findings_are_printed() -> None:
    report = corrected_report()
    value = {"hit@1": Estimate(value=0.4, low=0.3, high=0.5), "mAP": Estimate(value=0.2)}
    ratio = {"hit@1": Estimate(value=0.8, low=0.6, high=None)}
    sides = {"query": "imu", "gallery": "depth", "rule": "label", "note": "made so"}
    references = tuple(
        Reference(kind=kind, metrics=value, difference=value, ratio=ratio, **sides) for kind in ("floor", "ceiling")
    )
    console = Console(width=120, file=io.StringIO())
    findings = Findings(references=references, corrections=report.findings.corrections)
    replace(report, findings=findings).render(console)
    printed = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    for text in ("With the space's correction: centre", "Above a floor", "Below a ceiling", "0.800 [0.60 open]"):
        assert text in printed
    assert "reference at chance" in printed
    assert np.isfinite(report.findings.corrections[0].difference["mAP"].value)
