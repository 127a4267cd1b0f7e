"""The one distributed engine: an Accelerate `Accelerator` per run. Floor: train; called by `binder.run`."""

import os
from datetime import timedelta

import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin, InitProcessGroupKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch.distributed.fsdp import MixedPrecisionPolicy

from binder.errors import TrainingError

PATIENCE = timedelta(hours=2)  # with each other: one may write while all wait; the default of NCCL is 10 minutes
_KNOWN = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU, DistributedType.FSDP)


def start_engine(precision: str, *, cpu: bool = False) -> Accelerator:
    """Processes, device and precision, as `accelerate launch` or the machine gives them.

    Accelerate keeps its precision per Python process and refuses another one; a notebook that trains
    two runs is no error, so the remembered state (not the process group) is dropped first.

    Args:
        precision: `no`, `bf16` or `fp16`.
        cpu: stay on the CPU even where there is a GPU.

    Raises:
        TrainingError: launched with an engine that binder does not train on, or fp16 on a CPU.
    """
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state(reset_partial_state=True)
    engine = Accelerator(
        mixed_precision=precision,
        cpu=cpu,
        fsdp_plugin=sharding(precision) if os.environ.get("ACCELERATE_USE_FSDP") == "true" else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if precision == "fp16" and engine.device.type == "cpu":
        raise TrainingError.explain(
            "train.precision fp16 on a CPU, where it would be float32",
            choices=["no", "bf16"],
            fix="set train.precision",
        )
    if engine.distributed_type not in _KNOWN:
        raise TrainingError.explain(
            "launched with an engine that binder does not train on",
            got=engine.distributed_type.value,
            choices=["one process", "DDP (--multi_gpu)", "FSDP2 (--use_fsdp --fsdp_version 2)"],
        )
    return engine


def sharding(precision: str) -> FullyShardedDataParallelPlugin:
    """How FSDP2 is to work: computing in `precision`, but adding up gradients and giving vectors in float32.

    What else `accelerate launch --fsdp_...` says is kept.

    Raises:
        TrainingError: FSDP of version 1, or fp16.
    """
    plugin = FullyShardedDataParallelPlugin()
    if plugin.fsdp_version != 2:
        raise TrainingError.explain("launched with FSDP 1", expected="FSDP 2", fix="add --fsdp_version 2")
    if precision == "fp16":
        raise TrainingError.explain("train.precision fp16 with FSDP", choices=["no", "bf16"])
    if precision == "bf16":
        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32, output_dtype=torch.float32
        )
    return plugin
