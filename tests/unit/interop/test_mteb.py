"""Tasks of mteb made from the playground: a space runs them, and where both define a figure, both find it."""

from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval, AbsTaskZeroShotClassification
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import EncoderProtocol
from PIL import Image
from untrained_space import small_world, untrained_space

from binder.data import PairTable, read_sample
from binder.errors import BinderError, RegistryError
from binder.interop.mteb import SpaceEncoder
from binder.metrics import rank_metrics
from binder.space import Space

NUM = 24
SAME = {"hit_rate_at_{}": "hit@{}", "recall_at_{}": "recall@{}"}


@pytest.fixture(scope="module")
def space() -> Space:
    return untrained_space("audio")


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Samples of scenes as tasks hold them, and what is to be seen on each."""
    table = PairTable.open(small_world(tmp_path_factory.mktemp("world")))
    texts = table.attribute("text")
    rows = [texts.index(text) for text in dict.fromkeys(texts) if text is not None][:NUM]
    assert len(rows) == NUM
    specs = untrained_space("audio")
    images = [Image.fromarray(read_sample(table, row, specs.spec("image"))) for row in rows]
    sounds = [read_sample(table, row, specs.spec("audio"))[:, 0] for row in rows]
    rate = int(specs.spec("audio").contract.rate_hz or 0)
    return {
        "image": images,
        "text": [texts[row] for row in rows],
        "audio": [{"array": sound, "sampling_rate": rate} for sound in sounds],
        "object": [table.attribute("object")[row] for row in rows],
    }


def _metadata(kind: str, category: str, modalities: list[str], score: str) -> TaskMetadata:
    return TaskMetadata(
        name=f"Playground{kind}{category}",
        description="Scenes of the playground",
        dataset={"path": "local", "revision": "1"},
        type=kind,
        category=category,
        modalities=modalities,
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=score,
        prompt={"query": "an instruction that changes nothing here"},
    )


def _retrieval(columns: dict[str, list[Any]], query: str, gallery: str, *, by: str) -> AbsTaskRetrieval:
    """Who asks with `query` finds the rows of `gallery` that agree on the column `by`."""
    relevant = [[same for same in range(NUM) if columns[by][same] == columns[by][row]] for row in range(NUM)]

    class Task(AbsTaskRetrieval):
        metadata = _metadata("Any2AnyRetrieval", f"{query[0]}2{gallery[0]}", sorted({query, gallery}), "recall_at_1")

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            part = {
                "queries": Dataset.from_dict({"id": [f"q{n}" for n in range(NUM)], query: columns[query]}),
                "corpus": Dataset.from_dict({"id": [f"d{n}" for n in range(NUM)], gallery: columns[gallery]}),
                "relevant_docs": {f"q{n}": {f"d{m}": 1 for m in rows} for n, rows in enumerate(relevant)},
                "top_ranked": None,
            }
            self.dataset, self.data_loaded = {"default": {"test": part}}, True  # pyright: ignore

    return Task()


def _run(space: Space, task: Any) -> dict[str, Any]:
    results = mteb.evaluate(SpaceEncoder(space), task, cache=None, co2_tracker=False, show_progress_bar=False)
    (result,) = results.task_results
    return result.scores["test"][0]


@pytest.mark.parametrize("query,gallery", [("image", "text"), ("text", "image"), ("audio", "text"), ("image", "audio")])
@pytest.mark.parametrize("by", ["text", "object"])
def test_figures_of_retrieval_are_those_of_our_own_metrics(
    space: Space, columns: dict[str, list[Any]], query: str, gallery: str, by: str
) -> None:
    scores = _run(space, _retrieval(columns, query, gallery, by=by))
    encoded = space.encode(**{name: columns[name] for name in (query, gallery)})
    relevant = np.array(columns[by])[:, None] == np.array(columns[by])[None]
    assert (relevant.sum(axis=1).max() > 1) == (by == "object")  # one answer, or several
    own = rank_metrics(space.similarity(encoded[query], encoded[gallery]), relevant, ks=(1, 5, 10)).means()
    found = {theirs.format(k): scores[theirs.format(k)] for theirs in SAME for k in (1, 5, 10)}
    wanted = {theirs.format(k): own[ours.format(k)] for theirs, ours in SAME.items() for k in (1, 5, 10)}
    found |= {"mrr_at_100": scores["mrr_at_100"], "map_at_100": scores["map_at_100"]}
    wanted |= {"mrr_at_100": own["MRR"], "map_at_100": own["mAP"]}
    assert found == pytest.approx(wanted, abs=1e-4)  # mteb rounds to five digits
    assert 0 < scores["map_at_100"] < 1 or query != "audio"  # the untrained tower misses most


@pytest.mark.filterwarnings("ignore:Precision is ill-defined")  # mteb asks for it where a label is never chosen
def test_zero_shot_classification_of_images(space: Space, columns: dict[str, list[Any]]) -> None:
    names = sorted(set(columns["object"]))

    class Task(AbsTaskZeroShotClassification):
        metadata = _metadata("ZeroShotClassification", "i2t", ["image", "text"], "accuracy")

        def load_data(self, *args: Any, **kwargs: Any) -> None:
            labels = [names.index(one) for one in columns["object"]]
            self.dataset = {"test": Dataset.from_dict({"image": columns["image"], "label": labels})}  # pyright: ignore
            self.data_loaded = True

        def get_candidate_labels(self) -> list[str]:
            return [f"a {name}" for name in names]

    vectors = space.encode(image=columns["image"], text=[f"a {name}" for name in names])
    chosen = (vectors["image"] @ vectors["text"].T).argmax(axis=1)
    expected = np.mean([names[one] == name for one, name in zip(chosen, columns["object"], strict=True)])
    assert _run(space, Task())["accuracy"] == pytest.approx(expected)
    assert expected > 2 / len(names)  # the hub knows its scenes


def test_it_keeps_the_protocol_and_says_what_it_is(space: Space, tmp_path: Path) -> None:
    encoder = SpaceEncoder(space)
    assert isinstance(encoder, EncoderProtocol)
    meta = encoder.mteb_model_meta
    assert meta.modalities == ["text", "image", "audio"] and meta.embed_dim == space.dim
    space.save(tmp_path / "mine")
    saved = SpaceEncoder(str(tmp_path / "mine"), device="cpu").mteb_model_meta
    assert saved.name == "binder/mine" and saved.revision == meta.revision
    other = untrained_space("audio")
    next(other.towers["audio"].tower.parameters()).data.add_(1e-3)
    assert SpaceEncoder(other).mteb_model_meta.revision != meta.revision  # or mteb would give out old results


def test_sounds_of_another_rate_and_channels_are_made_to_fit(space: Space) -> None:
    time = np.arange(8000) / 8000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    batches = [{"audio": [{"array": np.stack([tone, tone]), "sampling_rate": 8000}]}]
    found = SpaceEncoder(space).encode(batches)
    finer = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)
    expected, unchanged = space.encode(audio=[finer, tone])["audio"]
    assert found.shape == (1, space.dim)
    assert 1 - float(found[0] @ expected) < 0.1 * (1 - float(found[0] @ unchanged))  # but for the edges


def test_rows_of_two_modalities_are_their_mean(space: Space, columns: dict[str, list[Any]]) -> None:
    batch = {"image": columns["image"][:3], "text": columns["text"][:3], "id": ["a", "b", "c"]}
    found = SpaceEncoder(space).encode([batch], batch_size=2)
    alone = space.encode(image=batch["image"], text=batch["text"])
    mean = (alone["image"] + alone["text"]) / 2
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-6)


def test_frames_of_videos_come_as_our_readers_take_them(space: Space) -> None:
    import torch

    class Video:
        """What mteb hands out, a decoder."""

        class metadata:
            num_frames = 5

        def get_frames_at(self, indices: list[int]) -> Any:
            frames = torch.arange(5)[indices, None, None, None].expand(-1, 3, 4, 6).to(torch.uint8)
            return type("Frames", (), {"data": frames})

    frames = SpaceEncoder(space)._as_source("video", Video())
    assert isinstance(frames, np.ndarray) and frames.shape == (5, 4, 6, 3) and frames.dtype == np.uint8
    assert frames[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_what_a_space_can_not_do_is_refused(space: Space) -> None:
    encoder = SpaceEncoder(space)
    assert encoder.encode([]).shape == (0, space.dim)
    with pytest.raises(BinderError, match="float32 vectors"):
        encoder.encode([], precision="int8")
    with pytest.raises(BinderError, match=r"without samples[\s\S]*id"):
        encoder.encode([{"id": ["a"]}])
    with pytest.raises(RegistryError, match="does not embed 'audio'"):
        SpaceEncoder(Space(space.hub)).encode([{"audio": [{"array": np.zeros(9), "sampling_rate": 3}]}])
