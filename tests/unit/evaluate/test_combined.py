import numpy as np
import pytest
from evaluate_parts import encode, make_rows, unit
from pydantic import TypeAdapter

from binder.errors import MetricError
from binder.evaluate import Certificate, RelevanceRule
from binder.evaluate.protocols.asking import unit_or_zero
from binder.evaluate.protocols.combined import Combined, combine
from binder.evaluate.protocols.weights import choose_weights

CERTIFICATES = {
    "audio": Certificate(status="emergent", pair="emergent"),
    "text": Certificate(status="trained", pair="trained"),
}
NUM = 80


def scene(*, offset=0.0, missing=0, prefix="r", native=True, blind=None, word_centre=None):
    """Audio hears the object, text says the place, the image shows both; `blind` audio hears nothing."""
    rng = np.random.default_rng(0)
    objects, places = rng.integers(8, size=NUM), rng.integers(6, size=NUM)
    sounds, words = rng.normal(size=(8, 24)), rng.normal(size=(6, 24))
    noise = rng.normal(size=(3, NUM, 24)) / 2
    heard = sounds[objects] if blind is None else np.full((NUM, 24), 1e-6)
    apart = offset * np.eye(24)[0]
    audio = encode(
        "audio", heard + noise[0] + apart, content=[f"{prefix}a{i}" for i in range(NUM)], centre=mean(heard, apart)
    )
    text = encode(
        "text", (words[places] + noise[1])[missing:], rows=np.arange(missing, NUM), native=True, centre=word_centre
    )
    image = encode(
        "image",
        sounds[objects] + words[places] + noise[2] - apart,
        native=native,
        centre=mean(sounds[objects] + words[places], -apart),
    )
    rows = make_rows(
        NUM, groups=[f"{prefix}g{i // 2}" for i in range(NUM)], object=objects.tolist(), place=places.tolist()
    )
    rows.ids[:] = [f"{prefix}{i}" for i in range(NUM)]
    return audio, text, image, rows


def mean(vectors, offset):
    return unit(vectors + offset).mean(axis=0)


RULE = RelevanceRule(name="seen", sees={"audio": ("object",), "text": ("place",), "image": ("object", "place")})


def run(audio, text, image, rows, **options):
    parts = {"audio": audio, "text": text}
    return combine(parts, image, rows, rule=RULE, certificates=CERTIFICATES, num_bootstrap=200, **options)


def precision_by_query(query, gallery, rows):
    scores = query @ gallery.vectors.T
    seen = list(zip(rows.attribute("object"), rows.attribute("place"), strict=True))
    found = []
    for i in range(NUM):
        right = [place for place, j in enumerate(np.argsort(-scores[i])) if seen[j] == seen[i]]
        found.append(np.mean([(n + 1) / (place + 1) for n, place in enumerate(right)]))
    return found


def test_the_sum_equals_a_loop_over_queries_and_beats_each_part():
    audio, text, image, rows = scene()
    got = run(audio, text, image, rows, weights={"audio": 3.0, "text": 1.0})
    asked = 0.75 * audio.vectors + 0.25 * text.vectors
    precisions = precision_by_query(asked, image, rows)
    assert got.metrics["mAP"].value == pytest.approx(np.mean(precisions))
    assert got.weights == {"audio": 0.75, "text": 0.25} and got.attributes == ("object", "place")
    equal = run(audio, text, image, rows)
    for part in equal.parts:
        assert part.gain["mAP"].low > 0 and part.num_queries == NUM
        assert part.gain["mAP"].value == pytest.approx(part.combined["mAP"].value - part.alone["mAP"].value)
        assert part.combined["mAP"].value == pytest.approx(equal.metrics["mAP"].value)
    assert equal.metrics["mAP"].value > 5 * equal.chance["mAP"]
    assert equal.status == "trained"
    assert TypeAdapter(Combined).validate_json(TypeAdapter(Combined).dump_json(equal)) == equal


def test_all_weight_on_one_part_is_that_part():
    got = run(*scene(), weights={"audio": 1.0, "text": 0.0})
    audio, text = got.parts
    assert audio.gain["mAP"].value == pytest.approx(0) and audio.alone == audio.combined
    assert text.gain["mAP"].value == pytest.approx(got.metrics["mAP"].value - text.alone["mAP"].value)


def test_a_query_that_lacks_a_part_asks_with_what_it_has():
    audio, text, image, rows = scene(missing=30)
    got = run(audio, text, image, rows)
    assert got.num_queries == NUM and got.missing == {"audio": 0, "text": 30}
    assert [part.num_queries for part in got.parts] == [80, 50]
    whole = run(*scene())
    assert whole.parts[0].alone == got.parts[0].alone
    means = {part.part: part for part in got.parts}
    of_rest = (NUM * got.metrics["mAP"].value - 50 * means["text"].combined["mAP"].value) / 30
    audio_of_rest = np.mean(precision_by_query(audio.vectors, image, rows)[:30])
    assert of_rest == pytest.approx(audio_of_rest)


def test_centring_takes_an_offset_between_modalities_away():
    shifted = scene(offset=6.0, word_centre=np.zeros(24, np.float32))
    assert run(*shifted, centre=True).metrics["mAP"].value > run(*shifted).metrics["mAP"].value + 0.05


def test_equal_combinations_are_one_query():
    audio, text, image, rows = scene()
    same = encode(
        "audio", audio.vectors[[0, *range(NUM - 1)]], content=["r0", "r0", *(f"r{i}" for i in range(1, NUM - 1))]
    )
    words = encode(
        "text", text.vectors[[0, *range(NUM - 1)]], content=["t0", "t0", *(f"t{i}" for i in range(1, NUM - 1))]
    )
    got = run(same, words, image, rows)
    assert got.num_queries + got.num_dropped == NUM - 1


def test_weights_are_chosen_on_hub_pairs_of_other_rows():
    test = scene()[-1]
    audio, text, image, rows = scene(prefix="v", blind=True)
    choice = choose_weights({"audio": audio, "text": text}, image, rows, test, rule=RULE)
    assert choice.weights["text"] > 0.7  # audio hears nothing there
    assert len(choice.tried) == 11 and choice.num_queries == NUM
    scores = dict(choice.tried)
    assert scores[choice.weights["audio"], choice.weights["text"]] == max(scores.values())
    with pytest.raises(MetricError, match="chosen on test ids"):
        choose_weights({"audio": audio, "text": text}, image, rows, rows, rule=RULE)
    foreign = scene(prefix="v", native=False)
    with pytest.raises(MetricError, match="chosen on hub pairs"):
        choose_weights({"audio": audio, "text": text}, foreign[2], rows, test, rule=RULE)


def test_what_cancels_out_asks_for_nothing_and_scores_chance():
    assert unit_or_zero(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).tolist() == [
        [pytest.approx(0.6), pytest.approx(0.8)],
        [0, 0],
    ]
    _, text, image, rows = scene()
    opposite = encode("audio", -text.vectors)
    got = run(opposite, text, image, rows)
    assert got.metrics["hit@1"].value == 0
    assert got.metrics["median_rank"].value == pytest.approx(NUM / 2, abs=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"audio": 1.0}}, "unusable weights"),
        ({"weights": {"audio": -1.0, "text": 2.0}}, "unusable weights"),
        ({"weights": {"audio": 0.0, "text": 0.0}}, "one of them above 0"),
        ({"centre": True}, "no training mean of text"),
    ],
)
def test_sums_that_make_no_sense_are_refused(change, message):
    audio, text, image, rows = scene()
    with pytest.raises(MetricError, match=message):
        run(audio, text, image, rows, **change)
    with pytest.raises(MetricError, match="no combined query"):
        combine({"audio": audio}, image, rows, rule=RULE, certificates=CERTIFICATES)
    blind = RelevanceRule(name="x", sees={"image": ("object",)})
    with pytest.raises(MetricError, match="share no attribute"):
        combine({"audio": audio, "text": text}, image, rows, rule=blind, certificates=CERTIFICATES)
