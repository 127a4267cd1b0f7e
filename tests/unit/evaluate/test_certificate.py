from dataclasses import replace

import pytest
from evaluate_parts import encode, make_ledger, make_rows

from binder.evaluate import Training
from binder.evaluate.items import collapse

ROWS = make_rows(6, groups=["a", "a", "b", "b", "c", "c"])
NATIVE = ("text", "image")


def items(name, **options):
    return collapse(encode(name, [[1, 0]] * 6, native=name in NATIVE, **options), ROWS)


def certify(query, gallery, *ledgers, by_id=False, fingerprint="hub-1", **options):
    training = Training({one.modality: one for one in ledgers}, hub_fingerprint=fingerprint, hub_native=NATIVE)
    sides = [items(name, **options.get(name, {})) for name in (query, gallery)]
    return training.certify(*sides, ROWS, by_id=by_id)


IMU, DEPTH = make_ledger("imu"), make_ledger("depth")


@pytest.mark.parametrize("pair", [("imu", "depth"), ("depth", "imu"), ("image", "imu"), ("imu", "image")])
def test_a_pair_that_no_edge_joins_is_emergent(pair):
    got = certify(*pair, IMU, DEPTH)
    assert (got.status, got.pair, got.reasons, got.notes) == ("emergent", "emergent", (), ())


@pytest.mark.parametrize("pair", [("imu", "text"), ("text", "imu")])
def test_a_pair_of_the_loss_is_trained(pair):
    assert certify(*pair, IMU).status == "trained"


def test_two_modalities_of_the_hub_are_hub_native_whatever_the_towers_saw():
    leaky = make_ledger("imu", items=[("train", "r0", "a", "image", "image:0")])
    assert certify("text", "image", leaky, by_id=True).status == "hub-native"


@pytest.mark.parametrize("pair", [("imu", "depth"), ("depth", "imu")])
@pytest.mark.parametrize(("role", "words"), [("train", "trained on"), ("validation", "used to choose the checkpoint")])
@pytest.mark.parametrize(("owner", "seen"), [("imu", "imu"), ("depth", "depth"), ("imu", "depth")])
def test_an_item_that_a_tower_of_the_pair_saw_taints_from_either_side(pair, role, words, owner, seen):
    leak = make_ledger(owner, items=[(role, "x", "other", seen, f"{seen}:4"), (role, "y", "other", seen, "elsewhere")])
    other = DEPTH if owner == "imu" else IMU
    got = certify(*pair, leak, other)
    assert (got.status, got.pair) == ("tainted", "emergent")
    assert got.reasons == (f"1 of 6 {seen} items were {words} by {owner}",)


def test_a_leak_taints_a_trained_pair_too():
    leak = make_ledger("imu", items=[("train", "x", "other", "imu", "imu:0")])
    got = certify("imu", "text", leak)
    assert (got.status, got.pair) == ("tainted", "trained")


def test_a_leak_into_a_third_tower_does_not_touch_the_pair():
    leak = make_ledger("audio", items=[("train", "x", "a", "imu", "imu:0")])
    assert certify("imu", "depth", IMU, DEPTH, leak).status == "emergent"


@pytest.mark.parametrize(("role", "words"), [("train", "trained on"), ("validation", "used to choose the checkpoint")])
def test_a_group_that_training_saw_taints_although_no_item_was_seen(role, words):
    leak = make_ledger("depth", items=[(role, "x", "b", "depth", "elsewhere"), (role, "y", "z", "depth", "also")])
    got = certify("imu", "depth", IMU, leak)
    assert (got.status, got.reasons) == ("tainted", (f"1 of 3 groups were {words} by depth: b",))


def test_another_hub_taints():
    got = certify("imu", "depth", IMU, DEPTH, fingerprint="hub-2")
    assert got.status == "tainted"
    assert got.reasons == tuple(f"{name} was trained against another hub (test hub)" for name in ("imu", "depth"))


def test_a_tower_without_ledger_taints():
    got = certify("imu", "depth", IMU)
    assert (got.status, got.reasons) == ("tainted", ("no ledger for depth",))


def test_a_tower_whose_training_samples_are_not_recorded_taints():
    imported = replace(IMU, table_fingerprints=())
    got = certify("imu", "depth", imported, DEPTH)
    assert (got.status, got.pair) == ("tainted", "emergent")
    assert got.reasons == ("the samples that imu was trained on are not recorded",)
    assert certify("imu", "text", imported).status == "tainted"
    assert certify("depth", "text", imported, DEPTH).status == "trained"


def test_a_trained_edge_between_two_towers_taints():
    spoke = make_ledger("imu", edges=(("imu", "text"), ("imu", "depth")))
    got = certify("depth", "imu", spoke, DEPTH)
    assert (got.status, got.pair) == ("tainted", "trained")
    assert got.reasons == ("trained edge depth-imu between two modalities outside the hub",)


def test_a_chain_of_edges_beside_the_hub_taints_and_one_through_it_does_not():
    spoke = make_ledger("depth", edges=(("depth", "text"), ("depth", "audio"), ("audio", "imu")))
    imu = make_ledger("imu", partner="image")
    between = certify("imu", "depth", imu, spoke)
    assert between.reasons == ("trained path imu-audio-depth beside the hub",)
    assert certify("text", "imu", imu, spoke).reasons == ("trained path text-depth-audio-imu beside the hub",)
    lonely = certify("thermal", "imu", make_ledger("thermal"), imu, spoke)
    assert lonely.status == "emergent"  # thermal meets imu in text and image only


CAPTIONS = {"text": {"content": ["walk", "run", "walk", "run", "walk", "run"]}}
PROTOTYPES = [("train", f"t{i}", f"t{i}", "text", content) for i, content in enumerate(["walk", "run"] * 2)]


def test_captions_that_many_rows_share_are_noted_and_do_not_taint():
    got = certify("imu", "text", make_ledger("imu", items=PROTOTYPES), **CAPTIONS)
    assert (got.status, got.reasons) == ("trained", ())
    assert got.notes[0] == "shared prototypes: 2 of 2 text items were training targets"
    assert got.notes[1:] == ("hub vectors of text not compared: the ledger of imu holds none",)


def test_where_one_subject_was_trained_on_the_evaluated_rows_show_the_prototype():
    one_subject = [("train", f"t{i}", "s", "text", content) for i, content in enumerate(["walk", "run"] * 2)]
    assert certify("imu", "text", make_ledger("imu", items=one_subject), **CAPTIONS).status == "trained"


def test_by_id_a_shared_caption_stands_for_one_row_and_taints():
    got = certify("imu", "text", make_ledger("imu", items=PROTOTYPES), by_id=True, **CAPTIONS)
    assert got.status == "tainted"
    assert "2 of 2 text items were trained on by imu" in got.reasons


def test_a_hub_side_item_of_one_row_taints_under_every_rule():
    leak = make_ledger("imu", partner="text", items=[("train", "x", "other", "image", "image:3")])
    got = certify("image", "imu", leak)
    assert (got.status, got.reasons) == ("tainted", ("1 of 6 image items were trained on by imu",))


def test_a_shared_content_on_the_tower_side_is_no_prototype():
    repeated = {"imu": {"content": ["same"] * 6}}
    leak = make_ledger("imu", items=[("train", f"t{i}", f"t{i}", "imu", "same") for i in range(3)])
    assert certify("imu", "text", leak, **repeated).reasons == ("1 of 1 imu items were trained on by imu",)
