"""Writes a network as a program of `torch.export` or ONNX, and runs it. Floor: interop; called by `export`."""

import importlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from binder.errors import BinderError, RegistryError

Axes = tuple[dict[int, str], ...]  # of every input: axis -> name, where its size is free
Program = Callable[[Sequence[Tensor]], Tensor]

FILES = {"onnx": "tower.onnx", "torch": "tower.pt2"}
OUTPUT = "vectors"
_PROTOBUF_BYTES = 2**31 - 2**20  # what one .onnx file can hold; larger weights lie beside it


class ExportError(BinderError):
    """A tower that cannot be exported, or whose export gives other vectors."""


def trace(network: nn.Module, inputs: tuple[Tensor, ...], axes: Axes) -> torch.export.ExportedProgram:
    """Record what `network` does, for any size along `axes`.

    Raises:
        ExportError: what it does depends on the values of its input, say, or on the size of a free axis.
    """
    free = tuple({axis: torch.export.Dim.DYNAMIC for axis in one} for one in axes)
    try:
        with torch.no_grad():
            return torch.export.export(network, inputs, dynamic_shapes=(free,))
    except Exception as error:  # torch raises a dozen kinds of its own
        raise ExportError.explain(
            "this tower cannot be exported",
            got=_reason(error),
            expected="a network whose steps depend on neither the values of a batch nor its size",
            fix="give the modality samples of one shape, such as one clip (view_policy: clip); or another encoder",
        ) from error


def write_program(
    program: torch.export.ExportedProgram, folder: Path, file_format: str, names: Sequence[str], axes: Axes
) -> None:
    """Write `program` into `folder`, as the file that `FILES` names.

    Raises:
        RegistryError: unknown format.
        ExportError: ONNX cannot express it, or its packages are not installed.
    """
    if file_format not in FILES:
        raise RegistryError.explain("unknown format", got=file_format, choices=FILES)
    path = folder / FILES[file_format]
    if file_format == "torch":
        torch.export.save(program, path)
        return
    _need("onnxscript")
    try:
        with warnings.catch_warnings():
            for kind in (FutureWarning, DeprecationWarning):  # torch's own, of its own code
                warnings.simplefilter("ignore", kind)
            warnings.filterwarnings("ignore", "# The axis name")  # two inputs share their axes, as they should
            onnx = torch.onnx.export(
                program,
                input_names=list(names),
                output_names=[OUTPUT],
                dynamic_shapes=(axes,),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # as in `trace`
        raise ExportError.explain(
            "ONNX cannot express this tower",
            got=_reason(error),
            fix="--format torch",
        ) from error
    assert onnx is not None
    size = sum(weight.nbytes for weight in program.state_dict.values())
    onnx.save(path, external_data=size > _PROTOBUF_BYTES)


def open_program(folder: Path, file_format: str) -> Program:
    """What `write_program` wrote, ready to run on the CPU: inputs in their order -> vectors.

    Raises:
        ExportError: onnxruntime is not installed.
    """
    path = folder / FILES[file_format]
    if file_format == "torch":
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given buffer is not writable")  # torch's own, of its own buffer
            network = torch.export.load(path).module()
        return lambda inputs: network(*inputs)
    session = _need("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> Tensor:
        held: dict[str, np.ndarray] = {name: one.numpy() for name, one in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run([OUTPUT], held)[0])

    return run


def _reason(error: Exception) -> str:
    """The first line of what was wrong in the end: the exporter's own error is about itself."""
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0][:300]}"


def _need(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExportError.explain(
            "a package of --format onnx is not installed", got=str(error), fix='pip install "hub-binder[onnx]"'
        ) from error
