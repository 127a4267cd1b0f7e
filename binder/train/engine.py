"""The one distributed engine: an Accelerate `Accelerator` per run. Floor: train; called by `binder.run`."""

from accelerate import Accelerator
from accelerate.state import AcceleratorState


def start_engine(precision: str, *, cpu: bool = False) -> Accelerator:
    """Processes, device and precision, as `accelerate launch` or the machine gives them.

    Accelerate keeps its precision per Python process and refuses another one; a notebook that trains
    two runs is no error, so the remembered state (not the process group) is dropped first.

    Args:
        precision: `no`, `bf16` or `fp16`.
        cpu: stay on the CPU even where there is a GPU.
    """
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    return Accelerator(mixed_precision=precision, cpu=cpu)
