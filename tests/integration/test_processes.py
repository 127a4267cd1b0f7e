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


def _launch(path: Path, processes: int) -> subprocess.CompletedProcess[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return subprocess.run(
        [sys.executable, *launch, "-m", "binder", "train", str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
    )


@pytest.mark.slow
def test_two_processes_train_like_one_and_refuse_like_one(scenes: Path, tmp_path: Path) -> None:
    losses = {}
    for processes in (1, 2):
        output, path = tmp_path / str(processes), tmp_path / f"{processes}.yaml"
        content = small_run(scenes, output, towers=("thermal",), train={"epochs": 2, "batch_size": 31})
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        done = _launch(path, processes)
        assert done.returncode == 0, done.stderr[-3000:]
        (state,) = (output / "train" / "thermal" / "state").glob("*/state.json")
        assert json.loads(state.read_text(encoding="utf-8"))["facts"]["processes"] == processes
        losses[processes] = [e["loss"] for e in read_journal(output / "train" / "thermal") if e["event"] == "step"]
    assert len(losses[1]) == 12
    # float32 sums in another order; the difference grows with the steps
    np.testing.assert_allclose(losses[2], losses[1], rtol=2e-3)
    again = _launch(tmp_path / "2.yaml", 2)
    assert again.returncode
    assert again.stderr.count("already holds a run") == 2  # each process says so, none waits for the other
