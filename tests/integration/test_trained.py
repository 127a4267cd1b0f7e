"""Every way to give a tower its weights goes through train, save, load and evaluate, and its report says which."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_run import small_run

import binder
from binder.config import parse_config
from binder.evaluate import Report
from binder.run import evaluate_run

COPY = {"name": "hub-copy"}
VARIANTS = {
    "head": ({"trained": "head"}, "head"),
    "copy": ({"encoder": COPY, "trained": "last:1"}, "last:1"),
    "lora": ({"encoder": COPY, "trained": "lora", "lora": {"rank": 2}}, "lora"),
    "ridge": ({"encoder": {"name": "closed_form", "method": "ridge"}}, "ridge"),
    "cca": ({"encoder": {"name": "closed_form", "method": "cca", "features": COPY}}, "cca"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_trains_loads_and_is_certified(scenes: Path, tmp_path: Path, variant: str) -> None:
    options, trained = VARIANTS[variant]
    content = small_run(scenes, tmp_path / "run", towers=("depth", "thermal"))
    content["towers"]["depth"] |= {"encoder": {}, **options}
    content["evaluate"] |= {"modalities": ["depth", "thermal", "image"], "bootstrap": 100}
    space = binder.train(parse_config(content))
    loaded = binder.Space.load(tmp_path / "run")
    assert loaded.towers["depth"].facts["trained"] == trained
    assert all("lora" not in name for name in loaded.towers["depth"].tower.state_dict())
    sample = space.spec("depth").synthetic(0)
    np.testing.assert_array_equal(loaded.encode(depth=[sample])["depth"], space.encode(depth=[sample])["depth"])
    origin = loaded.towers["depth"].tower.origin
    assert (origin or {}).get("hub") == ("playground:clip" if "hub-copy" in str(options) else None)
    evaluate_run(tmp_path / "run")
    cells = {(cell.query, cell.gallery): cell for cell in Report.load(tmp_path / "run" / "report").cells}
    assert cells["depth", "image"].certificate.status == "trained"
    assert cells["depth", "thermal"].certificate.status == "emergent"


def test_a_closed_form_takes_no_epochs_and_scores_above_chance(scenes: Path, tmp_path: Path) -> None:
    content = small_run(scenes, tmp_path / "run", towers=("thermal",))
    content["towers"]["thermal"]["encoder"] = {"name": "closed_form", "method": "ridge"}
    space = binder.train(parse_config(content))
    facts = space.towers["thermal"].facts
    assert not (tmp_path / "run" / "train" / "thermal" / "journal.jsonl").exists()
    assert facts["closed_form"]["penalty"] > 0 and facts["train"] is None
    assert facts["validation"]["mAP"] > 0.15  # chance among 48 is .09
    assert isinstance(space.towers["thermal"].tower.head, torch.nn.Linear)
    again = binder.train(parse_config(content), resume=True)
    assert torch.equal(again.towers["thermal"].tower.head.weight, space.towers["thermal"].tower.head.weight)
