"""A cache gives the live hub's vectors bit for bit, survives a kill, and never gives a vector it does not have."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import slow_hub
import torch
from datasets import Dataset
from radar import FAULTS, Radar, write_broken_table
from slow_hub import SlowHub
from toys import ToyHub

from binder.data import Note, PairTable, read_sample
from binder.errors import ArtifactError, HubError, HubMismatchError, SampleError
from binder.hub.cache import HubCache, build_hub_cache
from binder.hub.column import embed_column
from binder.hub.protocol import FrozenHub
from binder.registry import create_modality
from binder.storage import read_json, write_json
from modalities.text import Text

TEXTS = ["a", "bb", "a", None, "ccc", "bb", "d", "e"]
TEXT = create_modality("text")


def _table(texts=TEXTS) -> PairTable:
    return PairTable.from_dataset(Dataset.from_dict({"text": texts}))


class RadarHub(FrozenHub):
    """A frozen linear map of radar samples."""

    def __init__(self) -> None:
        super().__init__("radar", torch.nn.Linear(12, 5), native=("radar",), dim=5, preprocessing={})

    def _forward(self, modality, samples):
        return self._model(torch.stack([torch.from_numpy(sample.reshape(-1)[:12]) for sample in samples]))


def test_cached_vectors_are_the_live_ones_bit_for_bit(tmp_path):
    table, hub = _table(), ToyHub()
    for sizes in ({}, {"batch_size": 2, "shard_size": 2}, {"batch_size": 3, "shard_size": 1}):
        cache = build_hub_cache(hub, table, "text", TEXT, tmp_path / str(sizes), **sizes)
        live = embed_column(hub, table, TEXT, batch_size=sizes.get("batch_size", 64))
        assert np.array_equal(cache.unique_vectors, live.unique_vectors)
        assert isinstance(cache.unique_vectors, np.memmap) and cache.unique_vectors.dtype == np.float32
        assert cache.rows.tolist() == live.rows.tolist() == [0, 1, 2, 4, 5, 6, 7]
        assert torch.equal(cache.vectors_for(cache.rows), live.vectors_for(live.rows))


def test_every_row_has_the_vector_of_its_own_sample(tmp_path):
    table, hub = _table(), ToyHub()
    cache = build_hub_cache(hub, table, "text", TEXT, tmp_path, batch_size=2, shard_size=2)
    for row in cache.rows.tolist():
        alone = hub.embed("text", [read_sample(table, row, TEXT)])
        torch.testing.assert_close(cache.vectors_for([row]), alone, atol=1e-6, rtol=0)  # batch of 1 against 2
    order = [7, 0, 0, 4]
    assert torch.equal(cache.vectors_for(order), torch.cat([cache.vectors_for([row]) for row in order]))


def test_equal_contents_are_embedded_once_and_a_second_call_embeds_nothing(tmp_path):
    hub = ToyHub()
    seen = []
    build_hub_cache(
        hub, _table(), "text", TEXT, tmp_path, batch_size=2, progress=lambda done, total: seen.append((done, total))
    )
    assert hub.num_embedded == 5 and seen[0] == (2, 5) and seen[-1] == (5, 5)
    build_hub_cache(hub, _table(), "text", TEXT, tmp_path, batch_size=64, shard_size=7)
    assert hub.num_embedded == 5


def test_a_row_without_a_vector_is_refused(tmp_path):
    cache = build_hub_cache(ToyHub(), _table(), "text", TEXT, tmp_path)
    with pytest.raises(HubError, match=r"rows without a hub vector[\s\S]*\['3'\]"):
        cache.vectors_for([0, 3])
    assert cache.skips == []  # nothing there is no fault


def test_a_column_that_holds_nothing_makes_an_empty_cache(tmp_path):
    cache = build_hub_cache(ToyHub(), _table([None, None]), "text", TEXT, tmp_path)
    assert len(cache.rows) == 0 and cache.unique_vectors.shape == (0, 12)


def test_vectors_taken_from_the_cache_cannot_change_it(tmp_path):
    cache = build_hub_cache(ToyHub(), _table(), "text", TEXT, tmp_path)
    before = cache.vectors_for([0]).clone()
    cache.vectors_for([0]).zero_()
    assert torch.equal(cache.vectors_for([0]), before)
    with pytest.raises(ValueError, match="read-only"):
        cache.unique_vectors[0] = 0


def test_each_hub_column_and_reading_has_a_cache_of_its_own(tmp_path):
    hub = ToyHub()
    folders = {
        build_hub_cache(hub, _table(), "text", TEXT, tmp_path).folder,
        build_hub_cache(ToyHub(seed=1), _table(), "text", TEXT, tmp_path).folder,
        build_hub_cache(hub, _table(TEXTS[::-1]), "text", TEXT, tmp_path).folder,
        build_hub_cache(hub, _table(["A", *TEXTS[1:]]), "text", TEXT, tmp_path).folder,
    }
    assert len(folders) == 4
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"} == {
        folder.name for folder in folders
    }  # no shard is left


def test_opening_refuses_another_hub_table_or_reading(tmp_path):
    hub = ToyHub()
    folder = build_hub_cache(hub, _table(), "text", TEXT, tmp_path).folder
    assert len(HubCache.open(folder, hub, _table(), TEXT).rows) == 7
    with pytest.raises(HubMismatchError, match=r"computed by another hub[\s\S]*toy:0[\s\S]*toy:1"):
        HubCache.open(folder, ToyHub(seed=1), _table(), TEXT)
    with pytest.raises(ArtifactError, match=r"caches other samples[\s\S]*column"):
        HubCache.open(folder, hub, _table(TEXTS[:-1]), TEXT)
    with pytest.raises(ArtifactError, match="no complete hub-cache"):
        HubCache.open(tmp_path, hub, _table(), TEXT)
    (folder / "vectors.npy").write_bytes(b"short")
    with pytest.raises(ArtifactError, match="file missing or changed"):
        build_hub_cache(hub, _table(), "text", TEXT, tmp_path)


def test_a_changed_file_is_embedded_again(tmp_path):
    table = PairTable.open(write_broken_table(tmp_path), specs={"radar": Radar()})
    part, hub = table.select([0, len(table) - 1]), RadarHub()
    first = build_hub_cache(hub, part, "radar", Radar(), tmp_path / "cache")
    np.savez(tmp_path / "first.npz", values=Radar().synthetic(9), rate_hz=100.0)
    again = PairTable.open(tmp_path / "pairs.jsonl", specs={"radar": Radar()}).select([0, len(table) - 1])
    second = build_hub_cache(hub, again, "radar", Radar(), tmp_path / "cache")
    assert first.folder != second.folder
    assert not torch.equal(first.vectors_for([0]), second.vectors_for([0]))
    assert torch.equal(first.vectors_for([1]), second.vectors_for([1]))


def test_broken_rows_raise_or_are_listed_and_have_no_vector(tmp_path):
    table, hub = PairTable.open(write_broken_table(tmp_path), specs={"radar": Radar()}), RadarHub()
    with pytest.raises(SampleError, match="row 'missing', modality 'radar': file not found"):
        build_hub_cache(hub, table, "radar", Radar(), tmp_path / "cache", batch_size=2, shard_size=2)
    faults = [
        name for name in FAULTS if name not in ("null", "long")
    ]  # `long` breaks in transform; hubs have their own
    keep = [row for row, name in enumerate(table.ids) if name != "long"]
    table = table.select(keep)
    cache = build_hub_cache(
        hub, table, "radar", Radar(), tmp_path / "cache", batch_size=2, shard_size=2, on_error="skip"
    )
    assert [skip.id for skip in cache.skips] == faults and len(faults) == 11
    assert all(skip.reason.startswith(FAULTS[skip.id][0]) for skip in cache.skips)
    assert cache.rows.tolist() == [0, len(table) - 1]
    torch.testing.assert_close(
        cache.vectors_for(cache.rows), hub.embed("radar", [Radar().synthetic(0), Radar().synthetic(1)])
    )
    for row, name in enumerate(table.ids[1:-1], start=1):
        with pytest.raises(HubError, match=f"without a hub vector[\\s\\S]*'{name}'"):
            cache.vectors_for([row])
    live = embed_column(hub, table, Radar(), batch_size=2, on_error="skip")
    assert live.skips == cache.skips and np.array_equal(live.unique_vectors, cache.unique_vectors)
    with pytest.raises(SampleError, match="row 'missing', modality 'radar': file not found"):  # a skip is no licence
        build_hub_cache(hub, table, "radar", Radar(), tmp_path / "cache", on_error="raise")


def test_a_skip_in_an_unfinished_cache_raises_when_it_is_resumed_with_raise(tmp_path, monkeypatch):
    table, hub = PairTable.open(write_broken_table(tmp_path), specs={"radar": Radar()}), RadarHub()
    options = {"batch_size": 1, "shard_size": 1}
    with monkeypatch.context() as patch:
        patch.setattr("binder.hub.cache._Writer.publish", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_hub_cache(hub, table, "radar", Radar(), tmp_path / "c", on_error="skip", **options)
    with pytest.raises(SampleError, match="row 'missing', modality 'radar': file not found"):
        build_hub_cache(hub, table, "radar", Radar(), tmp_path / "c", on_error="raise", **options)


def test_a_foreign_modality_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(HubError, match=r"does not embed 'radar'[\s\S]*choices:  text"):
        build_hub_cache(ToyHub(), _table(), "radar", Radar(), tmp_path)


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.shards-*/*.json"))


def test_a_killed_cache_goes_on_where_it_stopped(tmp_path):
    folder, log = tmp_path / "cache", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(Path(slow_hub.__file__).parent), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, slow_hub.__file__, folder, log], env=environment)
    try:
        deadline = time.monotonic() + 120
        while len(_shards(folder)) < 2 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL, "finished before it could be killed"
    shards = len(_shards(folder))
    assert 2 <= shards < 8 and not [path for path in folder.iterdir() if not path.name.startswith(".")]
    done = {f"text {number}" for shard in _shards(folder) for number in json.loads(shard.read_text())["kept"]}
    assert len(done) == shards * slow_hub.SHARD
    log.unlink()
    cache = slow_hub.build(folder, SlowHub(log))
    embedded = log.read_text().splitlines()
    assert len(embedded) == len(set(embedded)) == slow_hub.NUM_CONTENTS - len(done)
    assert not done & set(embedded)
    fresh = slow_hub.build(tmp_path / "uninterrupted", SlowHub(tmp_path / "other_log"))
    assert np.array_equal(cache.unique_vectors, fresh.unique_vectors)
    assert torch.equal(cache.vectors_for(cache.rows), fresh.vectors_for(fresh.rows)) and len(fresh.rows) == 90
    assert _shards(folder) == [] and cache.folder.name == fresh.folder.name


def test_two_that_ask_at_once_compute_once(tmp_path):
    log = tmp_path / "log"
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(slow_hub.build, tmp_path / "cache", SlowHub(log, 0.01)) for _ in range(2)]
        caches = [done.result() for done in both]
    assert sorted(log.read_text().splitlines()) == sorted(f"text {row}" for row in range(slow_hub.NUM_CONTENTS))
    assert np.array_equal(caches[0].unique_vectors, caches[1].unique_vectors)


class _Noted(Text):
    """Remarks on short texts."""

    def notes(self, sample: str) -> list[str]:
        return ["short: less than four letters"] if len(sample) < 4 else []


def test_a_cache_keeps_the_notes_on_samples_and_one_from_before_says_that_it_has_none(tmp_path, caplog):
    words = ["red", "green", "red", "", "blue", "tan"]
    rows = Dataset.from_dict({"id": list("abcdef"), "text": words})
    table, hub = PairTable.from_dataset(rows, columns={"text": "text"}), ToyHub()
    options = {"batch_size": 2, "shard_size": 2, "on_error": "skip"}
    expected = [Note(id, "text", "short") for id, word in zip("abcdef", words, strict=True) if 0 < len(word) < 4]
    for _ in range(2):  # computed, then read
        cache = build_hub_cache(hub, table, "text", _Noted(), tmp_path, **options)
        assert cache.notes == expected and len(expected) == 3
        assert cache.remarks == [*cache.skips, *expected] and "before" not in caplog.text
    assert embed_column(hub, table, _Noted(), batch_size=2, on_error="skip").notes == expected
    manifest = read_json(cache.folder / "manifest.json")
    kept = read_json(cache.folder / "rows.json")
    write_json(cache.folder / "rows.json", {name: kept[name] for name in ("kept", "reasons")})
    manifest["files"]["rows.json"]["bytes"] = (cache.folder / "rows.json").stat().st_size
    write_json(cache.folder / "manifest.json", manifest)
    old = build_hub_cache(hub, table, "text", _Noted(), tmp_path, **options)
    assert old.notes == [] and "before caches held notes on samples: none on its text" in caplog.text


def test_shards_from_before_notes_were_kept_make_a_cache_that_says_so(tmp_path, monkeypatch, caplog):
    table, hub, options = _table(), ToyHub(), {"batch_size": 2, "shard_size": 2}
    with monkeypatch.context() as patch:
        patch.setattr("binder.hub.cache._Writer.publish", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_hub_cache(hub, table, "text", TEXT, tmp_path, **options)
    (shard, *_) = sorted(tmp_path.glob(".*.shards-*/*.json"))
    write_json(shard, {name: said for name, said in read_json(shard).items() if name != "notes"})
    assert build_hub_cache(hub, table, "text", TEXT, tmp_path, **options).notes == []
    assert "before caches held notes" in caplog.text
