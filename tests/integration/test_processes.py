"""Two launched processes train like one. (`accelerate launch --cpu` without MPI starts one, whatever it is told.)"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_run import small_run

from binder.train.journal import read_journal


@pytest.mark.slow
def test_two_processes_train_like_one(scenes: Path, tmp_path: Path) -> None:
    losses = {}
    for processes in (1, 2):
        output = tmp_path / str(processes)
        content = small_run(scenes, output, towers=("thermal",), train={"epochs": 2, "batch_size": 31})
        path = tmp_path / f"{processes}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        done = subprocess.run(
            [sys.executable, *launch, "-m", "binder", "train", str(path)],
            capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        (state,) = (output / "train" / "thermal" / "state").glob("*/state.json")
        assert json.loads(state.read_text(encoding="utf-8"))["facts"]["processes"] == processes
        losses[processes] = [e["loss"] for e in read_journal(output / "train" / "thermal") if e["event"] == "step"]
    assert len(losses[1]) == 12
    # float32 sums in another order; the difference grows with the steps
    np.testing.assert_allclose(losses[2], losses[1], rtol=2e-3)
