"""A space inside sentence-transformers: the vectors are the space's own, and it survives saving."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer
from untrained_space import synthetic, untrained_space

from binder.errors import BinderError, RegistryError, SampleError
from binder.interop.sentence_transformers import SpaceModule
from binder.space import Space

TEXTS = ["a red ball", "a blue box on the floor, seen from above", "rain"]


@pytest.fixture(scope="module")
def space() -> Space:
    return untrained_space("audio", "depth")


@pytest.fixture(scope="module")
def model(space: Space) -> SentenceTransformer:
    return SentenceTransformer(modules=[SpaceModule(space)], device="cpu")


def _samples(modality: str) -> list[Any]:
    if modality == "text":
        return TEXTS
    samples = synthetic(modality, 3)
    return [Image.fromarray(one) for one in samples] if modality == "image" else samples


def _as_input(modality: str, one: Any) -> Any:
    """As users of the library write it."""
    match modality:
        case "audio":
            return {"array": one[:, 0], "sampling_rate": 16_000}
        case "depth":
            return {"depth": one}
    return one


@pytest.mark.parametrize("modality", ["text", "image", "audio", "depth"])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_vectors_are_those_of_the_space(
    model: SentenceTransformer, space: Space, modality: str, batch_size: int
) -> None:
    samples = _samples(modality)
    found = model.encode([_as_input(modality, one) for one in samples], batch_size=batch_size)
    assert found.shape == (3, space.dim) and found.dtype == np.float32
    np.testing.assert_allclose(found, space.encode(**{modality: samples})[modality], atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_what_the_library_asks_a_model(model: SentenceTransformer, space: Space) -> None:
    assert model.modalities == ["text", "image", "audio"]
    assert model.get_embedding_dimension() == space.dim and model.device.type == "cpu"
    vectors = model.encode(TEXTS)
    np.testing.assert_allclose(model.similarity(vectors, vectors).numpy(), vectors @ vectors.T, atol=1e-6)
    assert list(model.parameters()) == []  # nothing that a trainer of the library could move


def test_one_input_prompts_and_paths(model: SentenceTransformer, space: Space, tmp_path: Path) -> None:
    np.testing.assert_allclose(model.encode("rain"), space.encode(text=["rain"])["text"][0], atol=1e-6)
    found = model.encode(["rain"], prompt="a photo of ")
    np.testing.assert_allclose(found, space.encode(text=["a photo of rain"])["text"], atol=1e-6)
    picture = tmp_path / "it.png"
    _samples("image")[0].save(picture)
    expected = space.encode(image=[picture])["image"]
    for one in (str(picture), {"image": picture}, {"image": str(picture)}):
        np.testing.assert_allclose(model.encode([one]), expected, atol=1e-6)
    words = {"text": str(picture)}  # spelled out, a path is a text
    np.testing.assert_allclose(model.encode([words]), space.encode(text=[str(picture)])["text"], atol=1e-6)


def test_a_saved_model_opens_with_the_same_vectors(model: SentenceTransformer, tmp_path: Path) -> None:
    model.save(str(tmp_path / "model"))
    (tmp_path / "model").rename(tmp_path / "moved")
    loaded = SentenceTransformer(str(tmp_path / "moved"), device="cpu", trust_remote_code=True)
    for modality in ("text", "depth"):
        inputs = [_as_input(modality, one) for one in _samples(modality)]
        assert np.array_equal(loaded.encode(inputs), model.encode(inputs))


def test_a_moved_model_moves_its_space(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    module, moves = SpaceModule(space), []
    monkeypatch.setattr(space, "to", moves.append)
    module.to("cpu")
    assert [str(place) for place in moves] == ["cpu"]


@pytest.mark.parametrize(
    "inputs,error,says",
    [
        ([{"depth": np.ones((2, 8, 8))}, {"audio": np.ones(8)}], BinderError, "several modalities in one batch"),
        ([{"radar": 0}], SampleError, "no input of this space"),
        ([{"image": 0, "text": "x"}], BinderError, "several modalities in one input|not support"),
        ([{"depth": np.full((2, 8, 8), np.nan)}], SampleError, "depth"),
    ],
)
def test_mistakes_are_explained(space: Space, inputs: list[Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        SpaceModule(space).preprocess(inputs)


def test_a_modality_without_tower_is_refused(space: Space) -> None:
    with pytest.raises(RegistryError, match="does not embed 'video'"):
        SpaceModule(space).preprocess([np.zeros((4, 8, 8, 3), np.uint8)])
