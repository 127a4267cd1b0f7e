"""Closed forms against textbook algebra and scikit-learn: what they find, and what they leave."""

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch import nn
from toys import Toy

from binder.config import ClosedFormConfig
from binder.errors import RegistryError, TrainingError
from binder.registry import create_modality
from binder.towers import build_tower
from binder.towers.closed_form import PENALTIES, Projector, cca, procrustes, ridge, solve

CHANCE = np.random.default_rng(0)


def _pairs(count: int = 60, width: int = 5, dim: int = 4, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Features of unequal scale, and targets that partly follow from them."""
    features = CHANCE.normal(size=(count, width)) * np.arange(1, width + 1) + 3
    targets = features @ CHANCE.normal(size=(width, dim)) / width + noise * CHANCE.normal(size=(count, dim)) - 1
    return features, targets


def _apply(projector: Projector, features: np.ndarray) -> np.ndarray:
    return features @ projector.weight.T + projector.bias


def _normal_equations(features: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Predictions of ridge on standardised features, solved as written in the books."""
    x = (features - features.mean(0)) / features.std(0)
    inner = np.linalg.inv(x.T @ x + penalty * len(x) * np.eye(x.shape[1]))
    return targets.mean(0) + x @ inner @ x.T @ (targets - targets.mean(0))


def test_ridge_solves_the_normal_equations():
    features, targets = _pairs()
    found = _apply(ridge(features, targets, penalty=0.1), features)
    np.testing.assert_allclose(found, _normal_equations(features, targets, 0.1), atol=1e-10)


def test_ridge_takes_the_penalty_with_the_least_leave_one_out_error():
    features, targets = _pairs(count=25, noise=3.0)
    x, y = (features - features.mean(0)) / features.std(0), targets
    errors = []
    for penalty in PENALTIES:
        total = 0.0
        for left in range(25):
            kept = np.arange(25) != left
            centre_x, centre_y = x[kept].mean(0), y[kept].mean(0)
            a, b = x[kept] - centre_x, y[kept] - centre_y
            weight = np.linalg.solve(a.T @ a + penalty * 25 * np.eye(5), a.T @ b)
            total += ((y[left] - centre_y - (x[left] - centre_x) @ weight) ** 2).sum()
        errors.append(total)
    best = PENALTIES[int(np.argmin(errors))]
    assert PENALTIES[0] < best < PENALTIES[-1]
    assert ridge(features, targets).facts["penalty"] == pytest.approx(best)


@pytest.mark.parametrize("width", [3, 6])
def test_procrustes_recovers_a_rotation_a_scale_and_a_shift(width):
    rotation = np.linalg.qr(CHANCE.normal(size=(6, 6)))[0][:, :width]
    features = CHANCE.normal(size=(40, width)) + 2
    targets = 0.7 * features @ rotation.T + CHANCE.normal(size=6)
    projector = procrustes(features, targets)
    np.testing.assert_allclose(_apply(projector, features), targets, atol=1e-10)
    np.testing.assert_allclose(projector.weight, 0.7 * rotation, atol=1e-10)


def test_procrustes_of_wide_features_rotates_their_first_principal_components():
    features = CHANCE.normal(size=(200, 7)) * np.array([9, 8, 7, 0.1, 0.1, 0.1, 0.1])
    targets = CHANCE.normal(size=(200, 3))
    projector = procrustes(features, targets)
    gram = projector.weight @ projector.weight.T
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(3), atol=1e-12)  # orthogonal rows, one scale
    assert np.abs(projector.weight[:, 3:]).max() < 0.01 * np.abs(projector.weight).max()


def _whitened(points: np.ndarray) -> np.ndarray:
    variances, axes = np.linalg.eigh(np.cov(points.T, bias=True))
    return (points - points.mean(0)) @ (axes / np.sqrt(variances)) @ axes.T


def test_cca_finds_the_canonical_correlations_of_scikit_learn():
    features, targets = _pairs(count=300)
    projector = cca(features, targets, rank=3, shrinkage=0.0)
    u, v = CCA(n_components=3, max_iter=5000, tol=1e-12).fit_transform(features, targets)
    correlations = [np.corrcoef(u[:, i], v[:, i])[0, 1] for i in range(3)]
    moved = _apply(projector, features)
    # a vector's whitened coordinates are S u: of length S_i along each canonical direction
    coordinates = (moved - targets.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(targets.T, bias=True))).T
    lengths = np.linalg.svd(coordinates, compute_uv=False)[:3] / np.sqrt(len(features))
    np.testing.assert_allclose(lengths, correlations, atol=1e-5)
    assert projector.facts["largest correlation"] == pytest.approx(correlations[0], abs=1e-5)


def test_cca_refuses_more_directions_than_there_are():
    features, targets = np.random.default_rng(0).normal(size=(2, 50, 4))
    with pytest.raises(TrainingError, match=r"got:      5[\s\S]*at most 4"):
        cca(features, targets, rank=5)


def test_cca_keeps_the_weighted_similarity_of_its_source():
    """The sum of S_i u_i v_i is what a moved feature and a hub vector have in common, whitened."""
    features, targets = _pairs(count=80)
    moved = _apply(cca(features, targets, shrinkage=0.0), features)
    variances, axes = np.linalg.eigh(np.cov(targets.T, bias=True))
    whiten = (axes / np.sqrt(variances)) @ axes.T
    ours = (moved - targets.mean(0)) @ whiten @ _whitened(targets).T
    f, t = _whitened(features), _whitened(targets)
    left, correlations, right = np.linalg.svd(t.T @ f / len(f), full_matrices=False)
    theirs = (f @ right.T * correlations) @ (t @ left).T
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_cca_with_all_directions_is_least_squares():
    features, targets = _pairs()
    design = np.column_stack([features, np.ones(len(features))])
    expected = design @ np.linalg.lstsq(design, targets, rcond=None)[0]
    np.testing.assert_allclose(_apply(cca(features, targets, shrinkage=0.0), features), expected, atol=1e-9)


def test_cca_shrinks_where_there_are_fewer_pairs_than_dimensions():
    features, targets = _pairs(count=8, width=20, dim=12)
    projector = cca(features, targets)
    assert np.isfinite(projector.weight).all() and projector.facts["largest correlation"] < 1


@pytest.mark.parametrize("method", ["ridge", "procrustes", "cca"])
def test_a_solution_is_written_into_a_towers_head(method):
    features, targets = _pairs(count=30, width=16, dim=6)
    targets = (targets / np.linalg.norm(targets, axis=1, keepdims=True)).astype(np.float32)
    projector = solve(ClosedFormConfig(method=method), features.astype(np.float32), targets)
    head = nn.Linear(16, 6)
    projector.write(head)
    found = head(torch.from_numpy(features).float()).detach().numpy()
    np.testing.assert_allclose(found, _apply(projector, features), atol=1e-4)


def test_pairs_that_cannot_be_solved_are_refused():
    features, targets = _pairs()
    config = ClosedFormConfig(method="ridge")
    with pytest.raises(TrainingError, match="2 pairs"):
        solve(config, features[:2], targets[:2])
    with pytest.raises(TrainingError, match="cannot be solved"):
        solve(config, np.ones_like(features), targets)
    features[3, 1] = np.nan
    with pytest.raises(TrainingError, match="finite: False"):
        solve(config, features, targets)


@pytest.mark.parametrize(("modality", "shape"), [("imu", (7, 8)), ("thermal", (1, 8, 8)), ("depth", (2, 1, 8, 8))])
def test_raw_features_are_means_over_a_grid(modality, shape):
    spec = create_modality(modality)
    encoder = build_tower(spec, 4, encoder={"name": "raw"}).encoder
    sample = spec.transform(spec.load(spec.synthetic(0)))
    found = encoder(sample[None]).reshape(shape)
    assert encoder.width == found.numel() and not list(encoder.parameters())
    cells = [np.array_split(np.arange(size), count) for size, count in zip(sample.shape[1:], shape[1:], strict=True)]
    first = sample[(0, *(slice(cell[0][0], cell[0][-1] + 1) for cell in cells))]
    assert found.flatten()[0] == pytest.approx(first.mean().item(), abs=1e-5)


def test_closed_form_options_are_checked():
    with pytest.raises(RegistryError, match="refuses its options"):
        build_tower(Toy(), 4, encoder={"name": "closed_form", "method": "magic"})
    with pytest.raises(RegistryError, match=r"audio has no raw features[\s\S]*other samples of another"):
        build_tower(create_modality("audio", length="any"), 4, encoder={"name": "raw"})
    with pytest.raises(RegistryError, match="text has no raw features"):
        build_tower(create_modality("text"), 4, encoder={"name": "closed_form", "method": "ridge"})
    tower = build_tower(Toy(), 4, encoder={"name": "closed_form", "method": "cca", "features": {"width": 8}})
    assert tower.encoder.width == 8
