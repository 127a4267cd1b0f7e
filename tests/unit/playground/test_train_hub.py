"""The script that trains the hub, end to end on a handful of scenes: its output is what open_clip loads."""

import json
import os
import subprocess
import sys

import open_clip
import pytest
import torch


@pytest.mark.slow
def test_script_writes_a_directory_that_open_clip_loads(root, tmp_path):
    done = subprocess.run(
        [
            sys.executable, "scripts/train_playground_hub.py", "--output", str(tmp_path / "hub"), "--scenes", "128",
            "--test-scenes", "42", "--epochs", "1", "--batch", "64",
        ],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert {"image->text R@1", "probe motion", "file_bytes"} <= set(report)
    model, *_ = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'hub'}")
    with torch.no_grad():
        assert model.eval().encode_image(torch.zeros(1, 3, 64, 64)).shape == (1, 128)
