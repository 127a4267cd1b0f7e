"""The engine follows the launcher, and refuses what binder does not train on."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from binder.errors import TrainingError
from binder.train import start_engine
from binder.train.engine import sharding


def test_one_python_process_may_train_in_one_precision_after_another() -> None:
    for precision in ("no", "bf16", "no"):
        engine = start_engine(precision, cpu=True)
        assert (engine.mixed_precision, engine.num_processes, engine.device.type) == (precision, 1, "cpu")


def test_fsdp_adds_gradients_and_gives_vectors_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDP_VERSION", "2")
    policy = sharding("bf16").mixed_precision_policy
    assert (policy.param_dtype, policy.reduce_dtype, policy.output_dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    assert sharding("no").mixed_precision_policy is None
    with pytest.raises(TrainingError, match=r"fp16 with FSDP[\s\S]*choices:  no, bf16"):
        sharding("fp16")


def test_other_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "1")
    with pytest.raises(TrainingError, match=r"FSDP 1[\s\S]*fix:      add --fsdp_version 2"):
        start_engine("no", cpu=True)
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    monkeypatch.setattr(Accelerator, "distributed_type", DistributedType.DEEPSPEED)
    with pytest.raises(TrainingError, match=r"does not train on[\s\S]*DEEPSPEED[\s\S]*FSDP2"):
        start_engine("no", cpu=True)


def test_fp16_on_a_cpu_is_refused_instead_of_being_float32() -> None:
    with pytest.raises(TrainingError, match="fp16 on a CPU"):
        start_engine("fp16", cpu=True)
