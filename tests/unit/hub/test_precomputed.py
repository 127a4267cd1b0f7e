"""A file of vectors is a hub: found by content, name or text; bad files and missing samples are named."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from PIL import Image

from binder.check import check_hub
from binder.data import PairTable
from binder.errors import HubError, SampleError
from binder.hub import Hub, open_hub
from binder.hub.cache import build_hub_cache
from binder.hub.column import embed_column
from binder.hub.vector_files import write_vectors
from binder.space import Space

TEXTS = ["a dog", "two dogs", "a street at night"]
RNG = np.random.default_rng(0)
VECTORS = {"image": RNG.standard_normal((3, 6)), "text": RNG.standard_normal((3, 6))}


def _unit(vectors: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).float()


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def file(tmp_path, pictures):
    path = tmp_path / "vectors.parquet"
    given = {"image": (pictures, VECTORS["image"]), "text": (TEXTS, VECTORS["text"])}
    write_vectors(path, given, model="someone/embed-3", licence="proprietary")
    return path


def _columns(**changes):
    columns = {"modality": ["text"] * 3, "key": TEXTS, "vector": VECTORS["text"].tolist(), "model": ["m"] * 3}
    return {name: column for name, column in {**columns, **changes}.items() if column is not None}


def _write(path, **changes):
    pq.write_table(pa.table(_columns(**changes)), path)
    return f"precomputed:{path}"


def test_a_space_finds_files_and_texts_wherever_they_lie(file, pictures, tmp_path):
    space = Space(f"precomputed:{file}")
    assert (space.hub.native, space.dim, space.hub.licence) == (("image", "text"), 6, "proprietary")
    assert isinstance(space.hub, Hub) and space.hub.model == "someone/embed-3"
    moved = tmp_path / "elsewhere.png"
    moved.write_bytes(pictures[1].read_bytes())
    found = space.encode(image=[pictures[2], str(moved), pictures[0].read_bytes()], text=TEXTS[::-1])
    np.testing.assert_allclose(found["image"], _unit(VECTORS["image"])[[2, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(found["text"], _unit(VECTORS["text"]).flip(0), atol=1e-6)


def test_npy_with_json_and_parquet_by_name_or_text_say_the_same(tmp_path, pictures):
    names = [path.name for path in pictures]
    np.save(tmp_path / "held.npy", np.concatenate([VECTORS["image"], VECTORS["text"]]).astype(np.float16))
    facts = {"model": "m", "modality": ["image"] * 3 + ["text"] * 3, "key": names + TEXTS}
    (tmp_path / "held.json").write_text(json.dumps(facts))
    _write(tmp_path / "images.parquet", modality=["image"] * 3, key=names, vector=VECTORS["image"].tolist())
    mapped, listed = Space(f"precomputed:{tmp_path}/held.npy"), Space(f"precomputed:{tmp_path}/images.parquet")
    ours = mapped.encode(image=pictures, text=TEXTS)
    np.testing.assert_allclose(ours["image"], listed.encode(image=pictures)["image"], atol=2e-3)  # of float16
    np.testing.assert_allclose(ours["text"], _unit(VECTORS["text"]), atol=2e-3)
    assert mapped.hub.licence is None


def test_a_missing_sample_is_named_and_can_be_skipped(file, pictures, tmp_path):
    hub = open_hub(f"precomputed:{file}")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "stranger.png")
    with pytest.raises(SampleError, match=r"text\[0\]: .*has no vector for this text[\s\S]*'a cat'"):
        Space(hub).encode(text=["a cat"])
    with pytest.raises(SampleError, match=r"has no vector for this image[\s\S]*stranger.png"):
        Space(hub).encode(image=[tmp_path / "stranger.png"])
    with pytest.raises(HubError, match=r"no vector for 1 of 2 samples of text[\s\S]*a cat"):
        hub.embed("text", [hub.spec("text").load("a dog"), "a cat"])
    with pytest.raises(HubError, match=r"does not embed 'audio'[\s\S]*image, text"):
        hub.spec("audio")
    table = PairTable.from_dataset(Dataset.from_dict({"id": ["a", "b"], "text": ["a cat", "a dog"]}))
    with pytest.raises(SampleError, match="row 'a', modality 'text'"):
        build_hub_cache(hub, table, "text", hub.spec("text"), tmp_path / "cache")
    cache = build_hub_cache(hub, table, "text", hub.spec("text"), tmp_path / "cache", on_error="skip")
    assert [skip.id for skip in cache.skips] == ["a"] and cache.rows.tolist() == [1]
    live = embed_column(hub, table, hub.spec("text"), on_error="skip")
    assert np.array_equal(cache.unique_vectors, live.unique_vectors)


def test_the_fingerprint_knows_every_vector_and_the_model(tmp_path):
    def fingerprint(**changes):
        return open_hub(_write(tmp_path / "v.parquet", **changes)).fingerprint

    other = VECTORS["text"] + np.eye(3, 6) * 1e-6
    prints = [fingerprint(), fingerprint(), fingerprint(model=["n"] * 3), fingerprint(vector=other.tolist())]
    assert prints[0] == prints[1] and len(set(prints)) == 3


BAD = {
    "zero": ({"vector": [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]}, r"zero, NaN or infinite[\s\S]*row 1, key 'two dogs'"),
    "NaN": ({"vector": [[1.0, 0.0], [1.0, 0.0], [1.0, float("nan")]]}, r"zero, NaN or infinite[\s\S]*row 2"),
    "lengths": ({"vector": [[1.0], [1.0, 0.0], [1.0, 0.0]]}, "vectors of lengths 1, 2"),
    "whole numbers": ({"vector": [[1, 2], [1, 3], [1, 4]]}, r"holds no vectors[\s\S]*int64"),
    "twice": ({"key": ["a dog", "a dog", "b"]}, r"a key stands twice[\s\S]*'a dog' in rows 0 and 1"),
    "no key": ({"key": ["a dog", None, "b"]}, r"column key[\s\S]*1 of them no text"),
    "no model": ({"model": None}, r"lacks the column model\n  got: +modality, key, vector\n[\s\S]*docs/hubs.md"),
    "two models": ({"model": ["m", "m", "n"]}, "several values of model: m, n"),
    "no modality": ({"modality": None, "key": None}, r"lacks the column modality and key\n"),
    "no vector": ({"vector": None}, r"lacks the column vector\n  got: +modality, key, model\n"),
    "numbers for vectors": ({"vector": [1.0, 2.0, 3.0]}, r"column vector\n  got: +double\n  expected: list of float\n"),
    "misspelt modality": (
        {"modality": ["imgae", "text", "text"]},
        r"unknown modalities\n  got: +imgae\n  choices: .*image.*\n  fix: +did you mean image\?",
    ),
    "licence of numbers": ({"licence": [1, 1, 1]}, r"column licence\n  got: +3 values, 3 of them no text"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused(tmp_path, case):
    changes, says = BAD[case]
    with pytest.raises(HubError, match=says):
        open_hub(_write(tmp_path / "v.parquet", **changes))


def test_what_is_no_file_of_vectors_is_refused(tmp_path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    np.save(tmp_path / "alone.npy", VECTORS["text"])
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "object.json").write_text("{}")
    cases = {"torn.parquet": "cannot open", "alone.npy": "alone.json", "object.npy": "cannot open", "v.csv": r"\.npy"}
    for name, says in {**cases, "gone.npy": "no file"}.items():
        with pytest.raises(HubError, match=says):
            open_hub(f"precomputed:{tmp_path}/{name}")
    facts = {"modality": "text", "key": TEXTS, "model": "m"}
    for wrong, says in ([facts], "columns by name"), ({**facts, "key": 5}, "column key"), ({"key": []}, "lacks the"):
        (tmp_path / "alone.json").write_text(json.dumps(wrong))
        with pytest.raises(HubError, match=says):
            open_hub(f"precomputed:{tmp_path}/alone.npy")
    with pytest.raises(HubError, match="one vector per sample"):
        write_vectors(tmp_path / "v.parquet", {"text": (TEXTS, np.ones((2, 4)))}, model="m")


def test_the_hub_keeps_every_promise_of_hubs(file):
    lines = check_hub(open_hub(f"precomputed:{file}"))
    assert [line.detail for line in lines if not line.passed] == []


def test_precision_is_the_files(file):
    assert open_hub(f"precomputed:{file}", precision="float32").precision == "float32"
    with pytest.raises(HubError, match="chooses its precision itself"):
        open_hub(f"precomputed:{file}", precision="bfloat16")
