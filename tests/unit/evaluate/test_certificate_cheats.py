"""Whoever tests on what was trained on is found out, and whoever does not is left in peace."""

import io
import itertools
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from evaluate_parts import encode, make_ledger, make_rows, unit
from PIL import Image
from scipy.signal import chirp

from binder.errors import ArtifactError, ConfigError
from binder.evaluate import Training, certificate
from binder.evaluate.certificate import make_record, read_sources, verify_certificate
from binder.evaluate.certificate.near import first_matches, parse
from binder.evaluate.items import collapse
from binder.likeness import LIMITS, picture_likeness, sound_likeness, vector_likenesses

NUM, RATE = 12, 16000
ROWS = make_rows(NUM, groups=[f"g{i // 2}" for i in range(NUM)])
VECTORS = unit(np.random.default_rng(5).normal(size=(NUM, 64)))


def picture(seed: int) -> np.ndarray:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8))
    return np.array(small.resize((320, 240), Image.Resampling.BICUBIC))


def recoded(pixels: np.ndarray, quality: int, scale: float = 1.0) -> np.ndarray:
    image, stream = Image.fromarray(pixels), io.BytesIO()
    image.resize((int(image.width * scale), int(image.height * scale))).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def sound(seed: int, seconds: float = 4.0) -> np.ndarray:
    chance, time = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    wave = 0.003 * chance.normal(size=len(time))
    for start in np.arange(0, seconds, 0.15):
        low, high = chance.uniform(250, 3500, 2)
        wave += np.where(time > start, np.exp(-12 * np.clip(time - start, 0, None)), 0) * chirp(
            time, low, seconds, high
        )
    return (wave / np.abs(wave).max() * 0.8).astype(np.float32)


def mp3(wave: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    soundfile.write(stream, wave, RATE, format="MP3")
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


PICTURES = [picture_likeness(picture(seed)) for seed in range(NUM)]
SOUNDS = [sound_likeness(sound(seed), RATE) for seed in range(NUM)]
LOOKS = {"image": PICTURES, "audio": SOUNDS}


def items(name):
    native = name in ("image", "text")
    encoded = encode(name, VECTORS, native=native)
    return collapse(replace(encoded, likenesses=tuple(LOOKS[name]) if name in LOOKS else None), ROWS)


def saw(tower, modality, *, content="elsewhere", group="elsewhere", likeness=None, vector=None, **options):
    """The ledger of a tower that saw one item, trained against images."""
    ledger = make_ledger(tower, partner="image", items=[("train", "renamed", group, modality, content)], **options)
    return replace(ledger, likenesses=(likeness,), vectors=(vector,))


def training(*ledgers, **options):
    return Training({one.modality: one for one in ledgers}, hub_fingerprint="hub-1", hub_native=("image",), **options)


def certify(pair, *ledgers, **options):
    return training(*ledgers, **options).certify(*map(items, pair), ROWS, by_id=True)


HONEST = {
    "audio": saw("audio", "audio", likeness=sound_likeness(sound(99), RATE)),
    "depth": saw("depth", "image", likeness=picture_likeness(picture(99)), vector=vector_likenesses(-VECTORS[:1])[0]),
}


def test_honest_pairs_stay_emergent():
    for pair in itertools.permutations(("audio", "depth"), 2):
        got = certify(pair, *HONEST.values())
        assert (got.status, got.reasons, got.notes) == ("emergent", (), ())
    assert certify(("image", "depth"), *HONEST.values()).status == "trained"


@pytest.mark.parametrize(("quality", "scale"), [(85, 1), (50, 1), (75, 0.5), (60, 1.3)])
def test_a_picture_coded_again_is_known(quality, scale):
    leak = saw("depth", "image", likeness=picture_likeness(recoded(picture(3), quality, scale)))
    got = certify(("image", "depth"), leak)
    assert got.status == "tainted"
    assert got.reasons == ("1 of 12 image items look like ones trained on by depth (perceptual hash): r3",)


COPIES = {
    "mp3": lambda wave: mp3(wave),
    "shifted": lambda wave: wave[7777:],
    "first half": lambda wave: wave[: len(wave) // 2],
    "mp3, shifted": lambda wave: mp3(wave)[5001:],
    "softer": lambda wave: 0.2 * wave,
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_sound_coded_again_shifted_or_cut_is_known(copy):
    leak = saw("audio", "audio", likeness=sound_likeness(COPIES[copy](sound(4)), RATE))
    got = certify(("audio", "depth"), leak, HONEST["depth"])
    assert got.status == "tainted"
    assert got.reasons == ("1 of 12 audio items look like ones trained on by audio (acoustic landmarks): r4",)


def test_hub_vectors_within_five_degrees_are_known_and_those_at_thirty_are_not():
    def saw_turned(degrees, *numbers):
        vectors = []
        for number in numbers:
            across = unit(np.eye(1, 64) - (np.eye(1, 64) @ VECTORS[number]) * VECTORS[number : number + 1])
            turned = np.cos(np.radians(degrees)) * VECTORS[number : number + 1] + np.sin(np.radians(degrees)) * across
            vectors += vector_likenesses(turned.astype(np.float32))
        items = [("train", f"renamed {n}", f"elsewhere {n}", "image", f"elsewhere {n}") for n in numbers]
        ledger = make_ledger("depth", partner="image", items=items)
        return replace(ledger, likenesses=(None,) * len(numbers), vectors=tuple(vectors))

    got = certify(("image", "depth"), saw_turned(5, 2, 3))
    assert got.reasons == ("2 of 12 image items look like ones trained on by depth (hub vectors): r3, r2",)
    assert certify(("image", "depth"), saw_turned(30, 2, 3)).status == "trained"
    alone = certify(("image", "depth"), saw_turned(5, 2))  # hubs put different pictures side by side
    assert alone.status == "trained"
    assert alone.notes[0].startswith("1 of 12 image items look like ones trained on by depth (hub vectors): r2; chance")


def test_where_tested_items_of_other_groups_look_alike_too_a_likeness_is_no_evidence(monkeypatch):
    monkeypatch.setitem(LOOKS, "image", [PICTURES[0]] * NUM)
    got = certify(("image", "depth"), saw("depth", "image", likeness=PICTURES[0]))
    assert got.status == "trained"
    assert "12 of 12 image items look like ones trained on by depth" in got.notes[0]
    assert got.notes[0].endswith("chance explains 100%, so this is no evidence")


@pytest.mark.parametrize(
    ("leak", "reason"),
    [
        ({"content": "audio:5"}, "1 of 12 audio items were trained on by audio"),  # under another id
        ({"group": "g3"}, "1 of 6 groups were trained on by audio: g3"),  # another sample of the same recording
        ({"edges": (("audio", "depth"),)}, "trained edge audio-depth between two modalities outside the hub"),
        ({"edges": (("audio", "imu"), ("imu", "depth"))}, "trained path audio-imu-depth beside the hub"),
    ],
)
def test_other_ways_to_cheat(leak, reason):
    got = certify(("audio", "depth"), saw("audio", "audio", **leak), HONEST["depth"])
    assert (got.status, got.reasons) == ("tainted", (reason,))


def test_what_a_pretrained_encoder_has_seen_is_an_edge():
    clap = replace(HONEST["audio"], origin={"encoder": "transformers:laion/clap-htsat-unfused", "weights": "x"})
    got = training(clap).certify(items("audio"), items("text"), ROWS, by_id=True)
    assert got.status == "tainted"
    assert got.reasons[0].startswith("trained path audio-text beside the hub, declared: audio-text by the encoder of a")
    beside = certify(("audio", "depth"), clap, HONEST["depth"])  # depth knows no text
    assert beside.status == "emergent"
    assert beside.notes[0].startswith("audio starts from transformers:laion/clap-htsat-unfused, trained on LAION-Audio")
    both = replace(HONEST["depth"], origin={"release": "LanguageBind"})
    assert certify(("audio", "depth"), clap, both).reasons[0].startswith("trained path audio-text-depth beside the hub")


def test_undeclared_weights_make_nothing_emergent_until_they_are_declared(tmp_path):
    unknown = replace(HONEST["audio"], origin={"encoder": "timm:mystery", "weights": "x"})
    got = certify(("audio", "depth"), unknown, HONEST["depth"])
    assert got.status == "tainted"
    assert got.reasons == (
        "audio starts from timm:mystery, whose training is not declared: it may have seen audio-depth pairs",
    )
    assert certify(("audio", "image"), unknown).status == "trained"
    said = {"labels": [["audio", "ESC-50"]], "data": "ESC-50", "source": "me"}
    assert certify(("audio", "depth"), replace(unknown, sources=(said,)), HONEST["depth"]).status == "emergent"
    path = tmp_path / "sources.yaml"
    path.write_text(json.dumps([{"match": ["timm:myst*"], **said}]))
    assert certify(("audio", "depth"), unknown, HONEST["depth"], sources=read_sources(path)).status == "emergent"
    local = replace(
        unknown, origin={"encoder": "transformers:openai/clip-vit-base-patch32", "weights": "x", "hash": "1"}
    )
    assert certify(("audio", "depth"), local, HONEST["depth"]).status == "tainted"  # a file may hold anything


@pytest.mark.parametrize("content", ["a: 1", "[{match: [x], pears: []}]", "[{match: [x], pairs: [[a]]}]", "[["])
def test_sources_that_say_nothing_clear_are_refused(tmp_path, content):
    (tmp_path / "sources.yaml").write_text(content)
    with pytest.raises(ConfigError):
        read_sources(tmp_path / "sources.yaml")


def test_a_copy_of_the_hub_itself_is_no_stranger():
    copy = replace(HONEST["depth"], origin={"hub": "open_clip:/somewhere", "fingerprint": "f"})
    assert certify(("audio", "depth"), HONEST["audio"], copy).status == "emergent"


@pytest.mark.parametrize("kind", ["picture", "sound", "vector"])
def test_searches_find_what_comparing_all_finds(kind):
    chance = np.random.default_rng(1)

    def near(bytes_, flips):
        bits = np.unpackbits(np.frombuffer(bytes_, np.uint8))
        bits[chance.choice(len(bits), flips, replace=False)] ^= 1
        return np.packbits(bits).tobytes()

    def draw(count):
        if kind == "sound":
            return [[(int(h), int(t)) for h, t in chance.integers(0, 60, (40, 2))] for _ in range(count)]
        seeds = [chance.bytes(40 if kind == "picture" else 32) for _ in range(4)]
        return [near(seeds[i % 4], int(chance.integers(0, 24))) for i in range(count)]

    def text(one):
        return f"{kind}:" + (one.hex() if kind != "sound" else "".join(f"{h << 20 | t:011x}" for h, t in one))

    def alike(a, b):
        if kind == "sound":
            at = Counter(u - t for h, t in a for g, u in b if h == g)
            return any(count + at.get(o + 1, 0) >= LIMITS["sound"][0] for o, count in at.items())
        differ = np.unpackbits(np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8))
        parts = (differ[:64], differ[64:]) if kind == "picture" else (differ,)
        return all(part.sum() <= limit for part, limit in zip(parts, LIMITS[kind], strict=True))

    tested, seen = draw(50), [*draw(50)]
    if kind == "sound":
        seen[:9] = [[(h, t + 7 + n % 2) for n, (h, t) in enumerate(one)] for one in tested[20:29]]
    else:
        seen[:9] = [near(one, 3) for one in tested[20:29]]
    found = first_matches(parse([None, *map(text, tested)], kind), parse([*map(text, seen), "other:00"], kind))
    expected = {i for i, a in enumerate(tested) if any(alike(a, b) for b in seen)}
    assert {i - 1 for i in found} == expected and 9 <= len(expected) < 50
    assert all(alike(tested[i - 1], seen[j]) for i, j in found.items())


def record(*ledgers, by_id=True, names=("image", "audio", "depth")):
    tested = {name: certificate.Tested.of(items(name), ROWS) for name in names}
    made = {"date": "today"}
    return make_record(training(*ledgers), tested, by_id=by_id, has_groups=True, table="table-2", made=made)


MIXED = (
    saw("audio", "audio", content="audio:5", group="g3"),
    saw("depth", "image", likeness=picture_likeness(recoded(picture(3), 50))),
)


@pytest.mark.parametrize("ledgers", [tuple(HONEST.values()), MIXED, (saw("audio", "audio", likeness=SOUNDS[4]),)])
@pytest.mark.parametrize("by_id", [True, False])
def test_a_record_is_verified_by_binder_and_by_the_script_of_the_docs(tmp_path, root, ledgers, by_id):
    made = json.loads(json.dumps(record(*ledgers, by_id=by_id)))
    assert verify_certificate(made) == []
    assert "g3" not in json.dumps(made)  # names of groups stay at home
    done = run_script(root, tmp_path, made)
    assert (done.returncode, done.stdout) == (0, "6 verdicts follow from the hashes\n"), done.stderr


def test_the_script_of_the_docs_finds_a_lie(tmp_path, root):
    made = json.loads(json.dumps(record(*MIXED)))
    liar = next(one for one in made["verdicts"] if one["status"] == "tainted")
    liar["status"] = "emergent"
    for forged, words in ((made, "changed after it was made"), (_sealed(made), "verdicts do not follow")):
        done = run_script(root, tmp_path, forged)
        assert done.returncode != 0 and words in done.stderr


def run_script(root, folder, made):
    page = (root / "docs" / "certificate.md").read_text(encoding="utf-8")
    (folder / "verify.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    (folder / "certificate.json").write_text(json.dumps(made))
    command = [sys.executable, "-I", str(folder / "verify.py"), str(folder / "certificate.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _sealed(made):
    """As a forger would who knows how the digest is made."""
    from binder.evaluate.certificate.record import _digest

    return {**made, "digest": _digest({name: part for name, part in made.items() if name != "digest"})}


def _edits(made):
    seen = made["towers"]["audio"]["seen"]
    yield "content forgotten", lambda: [column.pop() for column in seen.values()]
    yield "edge forgotten", lambda: made["edges"].pop()
    yield "status", lambda: made["verdicts"][-1].update(status="emergent", reasons=[])
    yield "verdict forgotten", lambda: made["verdicts"].pop()
    yield "hub", lambda: made["towers"]["audio"].update(hub_fingerprint="another")
    yield "limits", lambda: made["rules"]["limits"].update(picture=[0, 0])
    yield "columns", lambda: seen["content"].pop()


@pytest.mark.parametrize("number", range(7))
def test_every_edit_is_found_even_with_a_new_digest(number):
    made = json.loads(json.dumps(record(*MIXED)))
    name, edit = list(_edits(made))[number]
    edit()
    assert verify_certificate(made)[0].startswith("the digest is not that of the content"), name
    assert len(verify_certificate(_sealed(made))) >= 1, name


def test_another_file_is_no_certificate():
    with pytest.raises(ArtifactError, match="not a certificate"):
        verify_certificate({"kind": "report"})
    with pytest.raises(ArtifactError, match="another schema"):
        verify_certificate({**record(*MIXED), "schema": 2})


@pytest.mark.shared_data
def test_different_samples_of_the_field_are_not_taken_for_copies(shared_data: Path):
    pictures = sorted((shared_data / "assets").rglob("*.jp*g"))
    sounds = sorted((shared_data / "assets").rglob("*.wav"))
    if len(pictures) < 5 or len(sounds) < 5:
        pytest.skip("real data absent")
    texts = [picture_likeness(np.array(Image.open(path).convert("RGB").resize((640, 480)))) for path in pictures]
    for path in sounds:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        texts.append(sound_likeness(wave.mean(axis=1)[: 10 * rate], rate))
    for kind in ("picture", "sound"):
        own = parse(texts, kind)
        apart = np.arange(len(texts))
        assert first_matches(own, own, apart, apart) == {}
