"""`skeleton`: joints that were not tracked are refused, or masked so that what the file held changes nothing."""

import numpy as np
import pytest
import torch

from binder.errors import ConfigError, SampleError
from modalities.skeleton import Skeleton

MASKING = Skeleton(missing="mask")
STILL = {"time_crop": 0.0, "time_warp": 0.0, "scale_jitter": 0.0, "noise": 0.0, "yaw_degrees": 0.0}


@pytest.fixture
def joints():
    return Skeleton().synthetic(5)


def without(joints, frames, joint, value):
    spoiled = joints.copy()
    spoiled[frames, joint] = value
    return spoiled


def test_missing_joints_are_refused_unless_the_config_masks_them(joints):
    with pytest.raises(SampleError, match="30 of 2400 values are NaN"):
        Skeleton().load(without(joints, slice(10, 20), 7, np.nan))
    with pytest.raises(ConfigError, match=r"option missing of skeleton[\s\S]*refuse, mask"):
        Skeleton(missing="fill")


def test_what_a_missing_joint_held_changes_no_vector(joints):
    held = [(np.nan, np.nan, np.nan), (0.0, 0.0, 0.0), (np.nan, 1.0, 2.0)]
    samples = [MASKING.load(without(joints, slice(10, 20), 7, value)) for value in held]
    torch.manual_seed(0)
    encoder = MASKING.encoder(channels=(16,)).eval()
    with torch.no_grad():
        vectors = encoder(MASKING.collate([MASKING.transform(sample) for sample in [*samples, joints]]))
    assert torch.equal(vectors[0], vectors[1]) and torch.equal(vectors[0], vectors[2])
    assert not torch.allclose(vectors[0], vectors[3])


def test_the_mask_follows_the_definition_and_other_joints_stay_as_they_are(joints):
    """40 frames read at 79 places: every second place is a frame, the others lie between two."""
    spec = Skeleton(missing="mask", num_frames=79)
    tensor = spec.transform(spec.load(without(joints, slice(10, 20), 7, np.nan)))
    whole = Skeleton(num_frames=79).transform(joints)
    known = tensor[120:]
    for place in range(79):
        frames = {place // 2, (place + 1) // 2}
        assert known[7, place] == float(not frames & set(range(10, 20)))
    others = [row for row in range(60) if row // 3 != 7]
    assert known[[joint for joint in range(20) if joint != 7]].all()
    torch.testing.assert_close(tensor[others], whole[others], atol=1e-5, rtol=0)
    torch.testing.assert_close(tensor[60:120][others], whole[60:120][others], atol=1e-4, rtol=0)
    unseen = known[7] == 0
    assert not tensor[21:24][:, unseen].any() and tensor[21:24][:, ~unseen].all()
    torch.testing.assert_close(tensor[21:24][:, ~unseen], whole[21:24][:, ~unseen], atol=1e-5, rtol=0)
    after = int(unseen.nonzero()[-1]) + 1
    assert not tensor[81:84, after].any()  # no velocity from a place that is not known


def test_a_whole_body_gives_what_it_gives_without_the_option(joints):
    torch.testing.assert_close(MASKING.transform(joints)[:120], Skeleton().transform(joints), atol=1e-6, rtol=0)
    assert MASKING.transform(joints)[120:].all()


def test_root_and_top_are_taken_from_the_frames_that_show_them(joints):
    standing = np.repeat(joints[:1], 40, axis=0)
    for joint in (3, 1):
        tensor = MASKING.transform(MASKING.load(without(standing, slice(5, 40), joint, np.nan)))
        torch.testing.assert_close(tensor[:3], MASKING.transform(standing)[:3], atol=1e-5, rtol=0)


def test_a_body_without_root_is_refused(joints):
    spoiled = without(without(joints, slice(0, 20), 3, np.nan), slice(20, 40), 1, 0.0)
    with pytest.raises(SampleError, match=r"(?s)no frame shows the body.*joints 3 and 1"):
        MASKING.load(spoiled)


def test_augment_keeps_what_is_missing_missing(joints):
    tensor = MASKING.transform(MASKING.load(without(joints, slice(10, 20), 7, np.nan)))
    for seed in range(10):
        varied = MASKING.augment(tensor, torch.Generator().manual_seed(seed))
        unseen = varied[120:][7] == 0
        assert varied.shape == tensor.shape and unseen.any() and not unseen.all()
        assert not varied[21:24][:, unseen].any()
        assert set(varied[120:].unique().tolist()) == {0.0, 1.0}
    still = Skeleton(missing="mask", **STILL)
    torch.testing.assert_close(still.augment(tensor, torch.Generator().manual_seed(0)), tensor, atol=1e-5, rtol=0)


def test_show_leaves_out_what_was_not_seen(joints):
    sample = MASKING.load(without(joints, slice(0, 40), slice(4, 20), np.nan))
    unseen = np.isnan(MASKING.show(sample).joints)
    assert unseen[:40, 4:].all() and unseen.sum() == 40 * 16 * 3


@pytest.mark.shared_data
def test_real_skeletons_open(shared_data):
    from scipy.io import loadmat

    files = sorted((shared_data / "utd_mhad" / "Skeleton").glob("a1_s1_t*.mat"))
    assert len(files) == 4
    for path in files:
        stored = loadmat(path)["d_skel"].transpose(2, 0, 1)  # joint, axis, frame
        sample = MASKING.load(stored)
        np.testing.assert_allclose(sample, stored, rtol=1e-6)
        assert MASKING.transform(sample)[120:].all()  # the Kinect saw all twenty joints
