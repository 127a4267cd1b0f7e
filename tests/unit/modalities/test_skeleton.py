"""`skeleton`: formats, what is taken out of a pose, and what augmentation may never do."""

import io

import numpy as np
import pytest
import torch

from binder.errors import ConfigError, SampleError
from modalities.skeleton import Skeleton
from modalities.skeleton.transform import VELOCITY_GAIN

STILL = {"time_crop": 0.0, "time_warp": 0.0, "scale_jitter": 0.0, "noise": 0.0}


@pytest.fixture
def joints():
    return Skeleton().synthetic(5)


def as_file(save, *args, **kwargs):
    stream = io.BytesIO()
    save(stream, *args, **kwargs)
    return stream.getvalue()


def test_every_format_gives_the_same_sample(tmp_path, joints):
    header = ",".join(f"{axis}{joint}" for joint in range(20) for axis in "xyz")
    sources = {
        "npy": as_file(np.save, joints),
        "npz": as_file(np.savez, joints=joints),
        "csv": as_file(np.savetxt, joints.reshape(40, 60), delimiter=",", header=header),
        "array": joints.astype(np.float64),
        "dict": {"joints": joints},
    }
    (tmp_path / "a.npy").write_bytes(sources["npy"])
    sources["path"] = tmp_path / "a.npy"
    assert len(sources) == 6
    for name, source in sources.items():
        sample = Skeleton().load(source)
        assert sample.dtype == np.float32, name
        np.testing.assert_allclose(sample, joints, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :19], "not the declared skeleton.*19"),
        (lambda x: x[..., :2], "not the declared skeleton"),
        (lambda x: x[:0], "empty or too short"),
        (lambda x: x * 1000, "out of range"),
        (lambda x: x.astype(str), "not numeric"),
        (lambda x: np.where(x == x[3, 4, 0], np.nan, x), "are NaN"),
        (lambda x: as_file(np.save, x)[:300], "cannot decode the arrays"),
        (lambda x: as_file(np.savez, other=x), "missing array"),
        (lambda x: b"a,b\n1,2\n", "not a readable skeleton"),
    ],
)
def test_bad_input_is_refused(joints, spoil, message):
    with pytest.raises(SampleError, match=f"(?s){message}"):
        Skeleton().load(spoil(joints))


def test_a_joint_that_does_not_exist_is_a_config_error():
    with pytest.raises(ConfigError, match=r"root_joint of skeleton[\s\S]*< 2"):
        Skeleton(num_joints=2)


def test_place_and_build_are_taken_out(joints):
    spec = Skeleton()
    moved = (1.3 * joints + np.array([0.5, -0.2, 1.0])).astype(np.float32)
    torch.testing.assert_close(spec.transform(joints), spec.transform(moved), atol=1e-4, rtol=1e-4)


def test_moving_as_a_whole_stays_visible(joints):
    rising = joints.copy()
    rising[..., 1] += np.linspace(0, 0.5, len(joints))[:, None]
    assert (Skeleton().transform(rising) - Skeleton().transform(joints)).abs().max() > 0.1


def test_velocities_are_differences_of_positions(joints):
    tensor = Skeleton(num_frames=40).transform(joints)
    positions, velocities = tensor[:60], tensor[60:]
    assert tensor.shape == (120, 40) and not velocities[:, 0].any()
    for step in range(1, 40):
        expected = VELOCITY_GAIN * (positions[:, step] - positions[:, step - 1])
        torch.testing.assert_close(velocities[:, step], expected)


def test_augment_is_seeded_pure_and_consistent(joints):
    spec = Skeleton()
    tensor = spec.transform(joints)
    before = tensor.clone()
    first, again, other = (spec.augment(tensor, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == tensor.shape and torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(tensor, before)
    torch.testing.assert_close(first[60:, 1:], VELOCITY_GAIN * torch.diff(first[:60], dim=1))


def test_augment_turns_about_the_vertical_and_never_mirrors(joints):
    spec = Skeleton(yaw_degrees=90.0, **STILL)
    tensor = spec.transform(joints)
    before = tensor[:60].view(20, 3, 64)
    for seed in range(20):
        after = spec.augment(tensor, torch.Generator().manual_seed(seed))[:60].view(20, 3, 64)
        torch.testing.assert_close(after[:, 1], before[:, 1])  # heights stay
        a, b = (x[:4, :, 0] - x[4, :, 0] for x in (before, after))
        torch.testing.assert_close(torch.linalg.det(b[:3]), torch.linalg.det(a[:3]), atol=1e-3, rtol=1e-3)


def test_show_joins_all_joints_of_the_kinect_by_bones(joints):
    motion = Skeleton().show(joints)
    np.testing.assert_array_equal(motion.joints, joints)
    assert {joint for bone in motion.bones for joint in bone} == set(range(20)) and len(motion.bones) == 19
    assert Skeleton(num_joints=17).show(joints[:, :17]).bones == ()
