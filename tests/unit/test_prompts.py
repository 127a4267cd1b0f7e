"""Prompt ensembles: the vectors of open_clip's zero-shot classifier, in spaces and in evaluations, with their hash."""

import io
import json

import numpy as np
import open_clip
import pytest
import torch
from datasets import Dataset
from image_hubs import open_clip_hub
from rich.console import Console
from toys import Toy, ToyHub, toy_table

import binder
from binder.config.run import EvaluateConfig
from binder.data import PairTable
from binder.errors import BinderError, ConfigError, SampleError
from binder.hub import FrozenHub
from binder.prompts import Prompts
from binder.registry import register_modality
from binder.run.tables import check_evaluation
from binder.space import Space
from binder.storage import hash_json
from binder.towers import Ledger, TowerCheckpoint, build_tower
from modalities.text import Text

LABELS = ["dog", "red car", "a {curly} thing", "grüne Tür"]
TEMPLATES = ["{}", "a photo of {}.", "one can hear {}!"]


def test_vectors_are_those_of_open_clips_zero_shot_classifier(tmp_path):
    hub = open_clip_hub(tmp_path / "tiny", "vit")
    name = f"local-dir:{tmp_path / 'tiny'}"
    model = open_clip.create_model(name).eval()
    expected = open_clip.build_zero_shot_classifier(model, open_clip.get_tokenizer(name), LABELS, TEMPLATES).T
    vectors, code = Space(hub).encode_prompts(LABELS, TEMPLATES)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert code == hash_json(TEMPLATES)
    plain = hub.embed("text", LABELS).numpy()
    assert np.abs(vectors - plain).max() > 0.01


def test_an_ensemble_of_the_bare_label_is_the_label():
    space = Space(ToyHub())
    vectors, _ = space.encode_prompts(LABELS, ["{}"])
    np.testing.assert_allclose(vectors, space.encode(text=LABELS)["text"], atol=1e-6)


def test_the_mean_is_of_unit_vectors_and_the_order_that_of_labels():
    prompts = Prompts.open(TEMPLATES)
    hub = ToyHub()
    expected = []
    for label in LABELS:
        parts = [hub.embed("text", [template.replace("{}", label)])[0].numpy() for template in TEMPLATES]
        mean = sum(part / np.linalg.norm(part) for part in parts) / len(parts)
        expected.append(mean / np.linalg.norm(mean))
    actual = prompts.average(hub.embed("text", prompts.fill(LABELS)).numpy())
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert prompts.average(np.zeros((0, 12), np.float32)).shape == (0, 12)


def test_the_hash_follows_words_and_order():
    hashes = {Prompts.open(some).hash for some in (TEMPLATES, TEMPLATES[::-1], TEMPLATES[:2], "photos", "actions")}
    assert len(hashes) == 5
    assert Prompts.open("photos").hash == Prompts.open(list(Text(templates="photos").templates)).hash


def test_mistakes_are_explained():
    with pytest.raises(ConfigError, match="no such set"):
        Prompts.open("fotos")
    with pytest.raises(ConfigError, match="no prompt templates"):
        Prompts.open([])
    with pytest.raises(BinderError, match="brackets"):
        Space(ToyHub()).encode_prompts("dog", TEMPLATES)


def _space(hub, spec=None):
    spec = spec or Toy()
    ledger = Ledger(
        modality=spec.name,
        edges=((spec.name, hub.native[0]),),
        hub=hub.name,
        hub_fingerprint=hub.fingerprint,
        table_fingerprints=(),
        items={name: () for name in ("role", "id", "group", "modality", "content")},
    )
    tower = build_tower(spec, hub.dim, seed=0).eval()
    return Space(hub, {spec.name: TowerCheckpoint(tower=tower, ledger=ledger, encoder={}, head="linear", seed=0)})


def test_an_evaluation_ranks_by_the_ensemble_and_reports_its_hash():
    """Scores are found again from vectors that are averaged by hand."""
    space, table = _space(ToyHub()), toy_table(30)
    report = binder.evaluate(space, table, relevance="label", templates=TEMPLATES, bootstrap=100)
    assert report.facts["prompts"] == {"hash": hash_json(TEMPLATES), "templates": TEMPLATES}
    json.dumps(report.facts)
    words = [str(table.cell(row, "text")) for row in range(30)]
    signals = space.encode(toy=[table.cell(row, "toy") for row in range(30)])["toy"]
    contents = list(dict.fromkeys(words))
    vectors, _ = space.encode_prompts(contents, TEMPLATES)
    best = np.argmax(signals @ vectors.T, axis=1)
    labels = dict(zip(words, table.labels, strict=True))
    hits = [labels[contents[number]] == label for number, label in zip(best, table.labels, strict=True)]
    found = {row["id"]: row["hit@1"] for row in report.ranks.to_pylist() if row["query"] == "toy"}
    assert [found[id] for id in table.ids] == hits and 0 < sum(hits) < 30
    plain = binder.evaluate(space, table, relevance="label", bootstrap=100)
    assert plain.facts["prompts"] is None
    assert report.cell("toy", "text") != plain.cell("toy", "text")


class Signals(FrozenHub):
    """Embeds the toy modality, so that texts need a tower."""

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = torch.nn.Linear(16, 12)
        super().__init__("signals", model, native=("toy",), dim=12, preprocessing={})

    def _forward(self, modality, samples):
        return self._model(torch.from_numpy(np.stack(samples)).flatten(1))


def test_a_text_tower_keeps_its_templates_for_evaluation():
    """Also for its untrained twin, which is asked the same way; the call's templates go before."""
    register_modality(Toy)
    text = Text(templates=TEMPLATES)
    space, table = _space(Signals(), text), toy_table(12)
    report = binder.evaluate(space, table, relevance="label", bootstrap=100)
    assert report.facts["prompts"]["hash"] == Prompts.open(TEMPLATES).hash
    others = binder.evaluate(space, table, relevance="label", templates=["{}"], bootstrap=100)
    assert others.facts["prompts"]["templates"] == ["{}"]
    plain = binder.evaluate(_space(Signals(), Text()), table, relevance="label", bootstrap=100)
    # a set of the bare label alone is no ensemble: the very scores of the plain tower, its controls among them
    assert others.cell("toy", "text").metrics == plain.cell("toy", "text").metrics
    assert others.cell("toy", "text").controls == plain.cell("toy", "text").controls
    assert report.cell("toy", "text") != plain.cell("toy", "text")


def test_the_printed_report_says_how_texts_were_asked():
    console = Console(record=True, width=200, file=io.StringIO())
    binder.evaluate(_space(ToyHub()), toy_table(12), templates=TEMPLATES, bootstrap=100).render(console)
    assert f"mean of its 3 prompts, {hash_json(TEMPLATES)[:8]}" in console.export_text()


def test_templates_that_are_not_there_are_told_before_training():
    with pytest.raises(ConfigError, match="no such set"):
        check_evaluation(EvaluateConfig(templates="fotos"), {"test": toy_table(4)})


def test_texts_that_cannot_be_read_are_skipped_or_named():
    space, table = _space(ToyHub()), toy_table(12)
    rows = {
        "id": [str(row) for row in range(12)],
        "text": ["", *(str(table.cell(row, "text")) for row in range(1, 12))],
    }
    rows["toy"] = [table.cell(row, "toy").tolist() for row in range(12)]
    spoiled = PairTable.from_dataset(
        Dataset.from_dict(rows), columns={"toy": "toy", "text": "text"}, specs={"toy": Toy()}
    )
    with pytest.raises(SampleError, match="row '0', modality 'text': empty text"):
        binder.evaluate(space, spoiled, templates=TEMPLATES, bootstrap=100)
    report = binder.evaluate(space, spoiled, templates=TEMPLATES, bootstrap=100, on_error="skip")
    assert [skip["id"] for skip in report.facts["skips"]] == ["0"]


def test_the_configuration_takes_a_name_or_templates():
    assert EvaluateConfig(templates="photos").templates == "photos"
    assert EvaluateConfig(templates=TEMPLATES).templates == TEMPLATES
