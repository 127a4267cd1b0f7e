"""A fixed linear step after the hub: centring, whitening or rotation of its vectors. Floor: hub; used by run and space.

Fitted once on the hub vectors of training rows, then part of the space: `TransformedHub` applies it
to every hub vector and counts it in the fingerprint. Off (`none`) by default.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn

from binder.errors import ArtifactError, HubError
from binder.hub.protocol import Hub
from binder.modality import ModalitySpec
from binder.storage import hash_bytes, hash_json, new_artifact, read_manifest
from binder.types import ImageTower, Sample

TransformKind = Literal["none", "centre", "whiten", "pca"]
KIND = "hub-transform"
_WEIGHTS = "transform.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class HubTransform:
    """x -> norm(W (x - mean)): unit vectors in, unit vectors out.

    Attributes:
        kind: `none` (mean 0, W = 1), `centre` (W = 1), `whiten`, or `pca` (mean 0, W orthogonal).
        mean: of the vectors it was fitted on, float32 (dim,).
        matrix: W, float32 (dim, dim).
    """

    kind: TransformKind
    mean: Tensor
    matrix: Tensor

    @property
    def fingerprint(self) -> str:
        """Changes with the kind and every bit of mean and matrix."""
        return hash_json({"kind": self.kind, "weights": hash_bytes(save(self._weights()))})

    def __call__(self, vectors: Float[Tensor, "sample dim"]) -> Float[Tensor, "sample dim"]:
        """Transform hub vectors.

        Raises:
            HubError: a vector of another width, or one that the transform maps to zero.
        """
        if vectors.shape[1] != len(self.mean):
            raise HubError.explain("transform of another hub", got=f"dim {vectors.shape[1]}", expected=len(self.mean))
        if self.kind == "none":
            return vectors
        moved = (vectors - self.mean) @ self.matrix.T
        if (moved.norm(dim=-1) == 0).any():
            raise HubError.explain(
                f"the {self.kind} transform maps a vector to zero",
                got="a hub vector equal to the training mean",
                fix="fit it on more than one distinct sample, or use transform: none",
            )
        return nn.functional.normalize(moved, dim=-1)

    def save(self, folder: Path) -> None:
        """Write it as an artifact."""
        with new_artifact(Path(folder), KIND, {"transform": self.kind, "fingerprint": self.fingerprint}) as partial:
            save_file(self._weights(), partial / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> "HubTransform":
        """Open what `save` wrote.

        Raises:
            ArtifactError: absent, incomplete or changed.
        """
        manifest = read_manifest(Path(folder), KIND)
        try:
            transform = cls(kind=manifest["transform"], **load_file(Path(folder) / _WEIGHTS))
        except (SafetensorError, TypeError) as error:
            raise ArtifactError.explain("not a transform's weights", got=f"{folder}/{_WEIGHTS}: {error}") from error
        if transform.fingerprint != manifest["fingerprint"]:
            raise ArtifactError.explain(
                "transform changed since it was saved", got=transform.fingerprint, expected=manifest["fingerprint"]
            )
        return transform

    def _weights(self) -> dict[str, Tensor]:
        return {"mean": self.mean.contiguous(), "matrix": self.matrix.contiguous()}


def fit_hub_transform(kind: str, vectors: Float[Tensor, "sample dim"]) -> HubTransform:
    """Fit a transform on the unit hub vectors of training rows.

    `whiten` is ZCA with the shrunk covariance of Ledoit and Wolf [1]: W = S^(-1/2), symmetric, so that
    axes keep their meaning; shrinkage keeps it finite where there are fewer samples than dimensions.

    `pca` rotates to the principal axes, most variance first, and subtracts nothing: every cosine stays as it is,
    and the first dimensions of a vector say most about it, as Matryoshka prefixes want.

    References:
        [1] Ledoit and Wolf, 2004, "A well-conditioned estimator for large-dimensional covariance matrices".

    Raises:
        HubError: unknown kind, no vectors, or vectors without any variance.
    """
    if kind not in get_args(TransformKind):
        raise HubError.explain("unknown hub transform", got=repr(kind), choices=get_args(TransformKind))
    dim = vectors.shape[1]
    identity = torch.eye(dim)
    if kind == "none":
        return HubTransform(kind="none", mean=torch.zeros(dim), matrix=identity)
    points = vectors.double().numpy()
    if len(points) < 2 or np.ptp(points, axis=0).max() == 0:
        raise HubError.explain(
            f"cannot fit a {kind} transform",
            got=f"{len(points)} vectors, all equal",
            expected="at least two distinct hub vectors",
        )
    if kind == "pca":
        return HubTransform(kind="pca", mean=torch.zeros(dim), matrix=torch.from_numpy(_principal_axes(points)).float())
    mean = torch.from_numpy(points.mean(axis=0)).float()
    if kind == "centre":
        return HubTransform(kind="centre", mean=mean, matrix=identity)
    return HubTransform(kind="whiten", mean=mean, matrix=torch.from_numpy(_inverse_root(points)).float())


def _principal_axes(points: np.ndarray) -> np.ndarray:
    """Orthogonal (dim, dim): unit axes as rows, by falling variance; the largest entry of each is positive."""
    axes = np.linalg.eigh(np.cov(points, rowvar=False))[1].T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.sign(largest)


def _inverse_root(points: np.ndarray) -> np.ndarray:
    from sklearn.covariance import ledoit_wolf  # here: importing scikit-learn costs a second

    covariance, _ = ledoit_wolf(points)
    variances, axes = np.linalg.eigh(covariance)
    if variances.min() <= 0:
        raise HubError.explain(
            "cannot fit a whiten transform",
            got=f"a covariance with smallest eigenvalue {variances.min():.3g}",
            expected="vectors that vary in more than one direction",
            fix="fit on more distinct samples, or use transform: centre",
        )
    return (axes / np.sqrt(variances)) @ axes.T


class TransformedHub:
    """A hub and a transform, seen as one hub.

    Attributes:
        hub: the hub as loaded.
        transform: applied to each of its vectors.
    """

    def __init__(self, hub: Hub, transform: HubTransform) -> None:
        self.hub, self.transform = hub, transform
        self.name, self.native, self.dim, self.licence = hub.name, hub.native, hub.dim, hub.licence

    @property
    def fingerprint(self) -> str:
        """The hub's own where the transform is `none`; else of both."""
        if self.transform.kind == "none":
            return self.hub.fingerprint
        return hash_json({"hub": self.hub.fingerprint, "transform": self.transform.fingerprint})

    @property
    def precision(self) -> str:
        """What the hub computes in; the transform itself is float32."""
        return self.hub.precision

    def spec(self, modality: str) -> ModalitySpec:
        """As the hub does."""
        return self.hub.spec(modality)

    def embed(self, modality: str, samples: Sequence[Sample]) -> Float[Tensor, "sample {self.dim}"]:
        """Unit vectors after the transform, float32, on the CPU."""
        return self.transform(self.hub.embed(modality, samples))

    def prepare(self, modality: str, sample: Sample) -> Any:
        """As the hub does."""
        return self.hub.prepare(modality, sample)

    def embed_prepared(self, modality: str, prepared: Sequence[Any]) -> Float[Tensor, "sample {self.dim}"]:
        """`embed` of prepared samples."""
        return self.transform(self.hub.embed_prepared(modality, prepared))

    def image_tower(self) -> ImageTower:
        """The image tower of the hub, with the transform that makes its vectors this hub's."""
        matrix, offset = self.transform.matrix, -self.transform.matrix @ self.transform.mean
        return replace(self.hub.image_tower(), matrix=matrix, offset=offset)

    def check_frozen(self) -> None:
        """Raise `HubError` if the hub is not frozen or has drifted."""
        self.hub.check_frozen()

    def to(self, device: torch.device | str) -> "TransformedHub":
        """Move the hub; the transform stays on the CPU, where vectors come back."""
        self.hub.to(device)
        return self
