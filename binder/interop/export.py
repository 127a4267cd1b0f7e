"""Towers as ONNX or `torch.export` programs, compared with the tower before they are kept. Floor: interop.

The network takes batches of any size, and of any length where the modality has lengths. What comes before it
(reading, `transform`, `collate`) stays Python: `export.json` holds the options and the fingerprint that rebuild it.
"""

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from binder.errors import ArtifactError, RegistryError
from binder.interop.programs import OUTPUT, Axes, ExportError, Program, open_program, trace, write_program
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.space import Space
from binder.storage import new_artifact, read_json, read_manifest, require_free, write_json
from binder.towers import Tower, TowerCheckpoint
from binder.types import Batch, Source

KIND = "export"
LARGEST_DIFFERENCE = 1e-4  # of a component of unit vectors; float32 networks come within 1e-6
_COUNTS = (3, 1, 6)  # samples per batch: the first is traced, all are compared


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far an exported tower is from the tower.

    Attributes:
        samples: compared, in batches of different sizes.
        largest_difference: of any component of their unit vectors.
        smallest_cosine: between the two vectors of a sample.
    """

    samples: int
    largest_difference: float
    smallest_cosine: float


@dataclass(frozen=True, kw_only=True)
class ExportedTower:
    """A tower that was exported.

    Attributes:
        spec: prepares its samples.
        facts: what export.json holds.
        program: its network.
    """

    spec: ModalitySpec
    facts: dict[str, Any]
    program: Program

    @classmethod
    def open(cls, folder: str | Path) -> "ExportedTower":
        """Open what `export_tower` wrote.

        Raises:
            ArtifactError: no export there, or samples would be prepared in another way than they were for it.
            ExportError: onnxruntime is not installed.
        """
        folder = Path(folder)
        read_manifest(folder, KIND, verify=True)
        facts = read_json(folder / "export.json")
        modality = facts["modality"]
        spec = create_modality(modality["name"], **modality["options"])
        if spec.fingerprint != modality["fingerprint"]:
            raise ArtifactError.explain(
                f"samples of {spec.name} are prepared in another way than for this export",
                got=spec.fingerprint,
                expected=modality["fingerprint"],
                fix="export the tower again, or install the package of the modality that exported it",
            )
        return cls(spec=spec, facts=facts, program=open_program(folder, facts["format"]))

    @torch.inference_mode()
    def run(self, batch: Batch) -> Float[Tensor, "sample dim"]:
        """Unit vectors of a batch."""
        return self.program(_inputs(batch))

    def encode(self, sources: Sequence[Source]) -> Float32[np.ndarray, "sample dim"]:
        """Unit vectors of samples, in one batch; an array, as `Space.encode` gives."""
        tensors = [self.spec.transform(self.spec.load(source)) for source in sources]
        return self.run(self.spec.collate(tensors)).numpy()


def export_tower(space: Space, modality: str, folder: str | Path, *, file_format: str = "onnx") -> Parity:
    """Write the tower of `modality` as a program that runs without binder, and compare the two.

    Args:
        space: that has the tower; it is left as it is.
        modality: its name.
        folder: becomes the artifact: the program, and export.json, which says how samples are prepared.
        file_format: `onnx` (needs the extra `onnx`), or `torch` for a .pt2 of `torch.export`.

    Raises:
        RegistryError: the space has no such tower (what the hub embeds itself is not exported), or unknown format.
        ExportError: the tower cannot be expressed, or the file gives other vectors; then nothing is left.
        ArtifactError: the folder is not empty.
    """
    require_free(Path(folder))
    checkpoint = _checkpoint(space, modality)
    tower = copy.deepcopy(checkpoint.tower).cpu().eval()
    batches, axes = _examples(checkpoint.spec)
    names = _names(batches[0], modality)
    program = trace(_Positional(tower, batches[0]), _inputs(batches[0]), axes)
    with new_artifact(Path(folder), KIND, {"modality": modality, "hub_fingerprint": space.hub.fingerprint}) as partial:
        write_program(program, partial, file_format, names, axes)
        parity = _compare(tower, open_program(partial, file_format), batches)
        facts = {
            "format": file_format,
            "modality": _describe(checkpoint.spec),
            "inputs": {
                name: {"dtype": str(one.dtype).removeprefix("torch."), "axes": _shape(one, free)}
                for name, one, free in zip(names, _inputs(batches[0]), axes, strict=True)
            },
            "outputs": {OUTPUT: {"dtype": "float32", "axes": ["batch", tower.dim]}},
            "hub": {"name": space.hub.name, "fingerprint": space.hub.fingerprint},
            "licences": list(checkpoint.ledger.licences),
            "parity": asdict(parity),
        }
        write_json(partial / "export.json", facts)
    return parity


class _Positional(nn.Module):
    """The tower as a function of tensors: what is exported has one input per tensor of a batch."""

    def __init__(self, tower: Tower, batch: Batch) -> None:
        super().__init__()
        self.tower = tower
        self.keys = tuple(batch) if isinstance(batch, dict) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.tower(inputs[0] if self.keys is None else dict(zip(self.keys, inputs, strict=True)))


def _checkpoint(space: Space, modality: str) -> TowerCheckpoint:
    if modality not in space.towers:
        native = modality in space.hub.native
        raise RegistryError.explain(
            f"the hub embeds {modality} itself" if native else f"no tower for {modality}",
            got=modality,
            choices=space.towers,
            fix="export the hub with its own library" if native else "train one",
        )
    return space.towers[modality]


def _describe(spec: ModalitySpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "reference": spec.reference,
        "options": spec.options,
        "fingerprint": spec.fingerprint,
        "contract": repr(spec.contract),
    }


def _examples(spec: ModalitySpec) -> tuple[list[Batch], Axes]:
    """Batches of different sizes and, where there are any, lengths; and which axes that leaves free."""
    samples = [spec.synthetic(seed) for seed in range(max(_COUNTS))]
    if spec.contract.length.kind == "any":
        samples[1::2] = [one[: max(spec.contract.min_length, len(one) // 2)] for one in samples[1::2]]
    tensors = [spec.transform(sample) for sample in samples]
    alone = zip(*(_inputs(spec.collate([tensor])) for tensor in tensors), strict=True)
    known: dict[tuple[int, ...], str] = {}  # axes that vary together, such as those of ids and mask, have one name
    axes = []
    for name, one in zip(_names(spec.collate(tensors[:1]), spec.name), alone, strict=True):
        sizes = {axis: tuple(tensor.shape[axis] for tensor in one) for axis in range(1, one[0].ndim)}
        free = {axis: known.setdefault(size, f"{name}_{axis}") for axis, size in sizes.items() if len({*size}) > 1}
        axes.append({0: "batch"} | free)
    return [spec.collate(tensors[:count]) for count in _COUNTS], tuple(axes)


def _inputs(batch: Batch) -> tuple[Tensor, ...]:
    return tuple(batch.values()) if isinstance(batch, dict) else (batch,)


def _names(batch: Batch, modality: str) -> tuple[str, ...]:
    return tuple(batch) if isinstance(batch, dict) else (modality,)


def _shape(tensor: Tensor, free: dict[int, str]) -> list[int | str]:
    return [free.get(axis, size) for axis, size in enumerate(tensor.shape)]


@torch.inference_mode()
def _compare(tower: Tower, program: Program, batches: Sequence[Batch]) -> Parity:
    own = torch.cat([tower(batch) for batch in batches])
    other = torch.cat([program(_inputs(batch)) for batch in batches])
    parity = Parity(
        samples=len(own),
        largest_difference=float((own - other).abs().max()),
        smallest_cosine=float(nn.functional.cosine_similarity(own, other).min()),
    )
    if not parity.largest_difference <= LARGEST_DIFFERENCE:  # NaN is no parity either
        raise ExportError.explain(
            "the exported tower gives other vectors",
            got=f"a component differs by {parity.largest_difference:.2g}, a cosine is {parity.smallest_cosine:.6f}",
            expected=f"no component of a unit vector differs by more than {LARGEST_DIFFERENCE:g}",
            fix="another --format; torch is closest to the tower",
        )
    return parity
