"""A hub transform is x -> norm(W (x - mean)); whitening by Ledoit-Wolf; counted in the fingerprint."""

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from toys import WORDS, ToyHub

from binder.errors import ArtifactError, HubError
from binder.hub import Hub
from binder.hub.transform import HubTransform, TransformedHub, fit_hub_transform


@pytest.fixture
def vectors() -> torch.Tensor:
    skewed = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0, 3, 2, 1, 1, 0.5]) + 2
    return torch.nn.functional.normalize(skewed, dim=-1)


def test_centring_by_hand(vectors):
    transform = fit_hub_transform("centre", vectors)
    for vector, moved in zip(vectors, transform(vectors), strict=True):
        by_hand = vector.numpy() - vectors.numpy().mean(axis=0)
        np.testing.assert_allclose(moved.numpy(), by_hand / np.linalg.norm(by_hand), atol=1e-6)


def test_whitening_inverts_the_shrunk_covariance_and_is_symmetric(vectors):
    transform = fit_hub_transform("whiten", vectors)
    covariance = LedoitWolf().fit(vectors.double().numpy()).covariance_
    matrix = transform.matrix.double().numpy()
    np.testing.assert_allclose(matrix @ covariance @ matrix, np.eye(6), atol=1e-4)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    whitened = (vectors - transform.mean) @ transform.matrix.T
    torch.testing.assert_close(transform(vectors), whitened / whitened.norm(dim=1, keepdim=True))


def test_pca_keeps_cosines_and_puts_variance_first(vectors):
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))[0]
    vectors = vectors @ turn  # else the axes would be ordered by themselves
    transform = fit_hub_transform("pca", vectors)
    moved = transform(vectors)
    torch.testing.assert_close(moved @ moved.T, vectors @ vectors.T, rtol=0, atol=1e-6)
    expected = PCA().fit(vectors.double().numpy())
    np.testing.assert_allclose(moved.var(dim=0).double().numpy(), expected.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(np.abs(transform.matrix.numpy()), np.abs(expected.components_), atol=1e-4)
    for width in range(1, 6):
        assert moved[:, :width].var(dim=0).sum() > 1.01 * vectors[:, :width].var(dim=0).sum()
    other = vectors[:3].neg()  # what it was not fitted on is turned, too
    torch.testing.assert_close(transform(other) @ moved.T, other @ vectors.T, rtol=0, atol=1e-6)


def test_pca_of_fewer_vectors_than_dimensions_is_still_a_rotation(vectors):
    few = fit_hub_transform("pca", vectors[:4])
    torch.testing.assert_close(few.matrix @ few.matrix.T, torch.eye(6), rtol=0, atol=1e-6)


def test_fewer_vectors_than_dimensions_still_whiten(vectors):
    few = fit_hub_transform("whiten", vectors[:4])
    assert torch.isfinite(few.matrix).all() and torch.isfinite(few(vectors)).all()


def test_none_changes_no_bit(vectors):
    assert torch.equal(fit_hub_transform("none", vectors)(vectors), vectors)
    hub = ToyHub()
    plain = TransformedHub(hub, fit_hub_transform("none", hub.embed("text", WORDS)))
    assert plain.fingerprint == hub.fingerprint and torch.equal(plain.embed("text", WORDS), hub.embed("text", WORDS))


@pytest.mark.parametrize("kind", ["none", "centre", "whiten", "pca"])
def test_save_and_load_give_the_same_vectors(vectors, tmp_path, kind):
    transform = fit_hub_transform(kind, vectors)
    transform.save(tmp_path / "t")
    again = HubTransform.load(tmp_path / "t")
    assert again.kind == kind and again.fingerprint == transform.fingerprint
    assert torch.equal(again(vectors), transform(vectors))
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["manifest.json", "transform.safetensors"]


def test_a_changed_or_absent_file_is_refused(vectors, tmp_path):
    fit_hub_transform("centre", vectors).save(tmp_path / "t")
    weights = tmp_path / "t" / "transform.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match="changed since it was saved"):
        HubTransform.load(tmp_path / "t")
    weights.write_bytes(b"x" * len(content))
    with pytest.raises(ArtifactError, match="not a transform's weights"):
        HubTransform.load(tmp_path / "t")
    weights.unlink()
    with pytest.raises(ArtifactError):
        HubTransform.load(tmp_path / "t")


def test_the_fingerprint_counts_kind_and_numbers(vectors):
    fingerprints = {
        fit_hub_transform(kind, points).fingerprint
        for kind in ("none", "centre", "whiten", "pca")
        for points in (vectors, vectors[:100])
    }
    assert len(fingerprints) == 7  # `none` is the same whatever it saw


def test_a_transformed_hub_is_a_hub(vectors):
    hub = ToyHub()
    transform = fit_hub_transform("whiten", hub.embed("text", WORDS))
    both = TransformedHub(hub, transform)
    assert isinstance(both, Hub)
    assert (both.name, both.native, both.dim) == (hub.name, hub.native, hub.dim)
    assert torch.equal(both.embed("text", WORDS), transform(hub.embed("text", WORDS)))
    assert both.fingerprint != hub.fingerprint
    other = TransformedHub(hub, fit_hub_transform("whiten", hub.embed("text", WORDS[:5])))
    assert other.fingerprint != both.fingerprint
    both.check_frozen()
    hub._model.weight.data += 1
    with pytest.raises(HubError, match="drifted"):
        both.check_frozen()
    assert both.to("cpu") is both


def test_what_cannot_be_fitted_or_applied_is_refused(vectors):
    with pytest.raises(HubError, match=r"unknown hub transform[\s\S]*choices:  none, centre, whiten, pca"):
        fit_hub_transform("zca", vectors)
    for kind in ("centre", "whiten", "pca"):
        for points in (vectors[:1], vectors[:1].repeat(5, 1)):
            with pytest.raises(HubError, match=f"cannot fit a {kind} transform"):
                fit_hub_transform(kind, points)
    with pytest.raises(HubError, match=r"transform of another hub[\s\S]*dim 5"):
        fit_hub_transform("centre", vectors)(vectors[:, :5])
    pair = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    with pytest.raises(HubError, match="maps a vector to zero"):
        fit_hub_transform("centre", pair)(torch.tensor([[0.5, 0.5, 0]]))
