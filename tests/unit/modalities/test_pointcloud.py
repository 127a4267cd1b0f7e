"""`pointcloud`: formats, the unit sphere, points that are picked evenly, and an encoder that knows no order."""

import io

import numpy as np
import pytest
import torch

from binder.errors import ConfigError, SampleError
from modalities.pointcloud import PointCloud
from modalities.pointcloud.transform import farthest, to_unit_sphere

STILL = {"turn_degrees": 0.0, "scale_jitter": 0.0, "shift": 0.0, "noise": 0.0, "drop": 0.0}


@pytest.fixture
def points():
    return PointCloud(colour=True).synthetic(4)


def as_file(save, *args, **kwargs):
    stream = io.BytesIO()
    save(stream, *args, **kwargs)
    return stream.getvalue()


def test_every_format_gives_the_same_sample(tmp_path, points):
    places, colours = points[:, :3], points[:, 3:]
    sources = {
        "npy": as_file(np.save, points),
        "npz": as_file(np.savez, xyz=places, rgb=colours),
        "packed": as_file(np.savez_compressed, anything=points),
        "integers": as_file(np.savez, xyz=places, rgb=(colours * 255).round().astype(np.uint8)),
        "array": points.astype(np.float64),
        "dict": {"xyz": places, "rgb": colours},
    }
    (tmp_path / "a.npy").write_bytes(sources["npy"])
    sources["path"] = tmp_path / "a.npy"
    assert len(sources) == 7
    for name, source in sources.items():
        sample = PointCloud(colour=True).load(source)
        assert sample.dtype == np.float32, name
        np.testing.assert_allclose(sample, points, atol=2.1e-3 if name == "integers" else 0, err_msg=name)
        np.testing.assert_array_equal(PointCloud().load(source), points[:, :3], err_msg=name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :3], r"no colour.*colour: false"),
        (lambda x: x[:, :5], "wrong number of channels"),
        (lambda x: x[:0], "empty or too short"),
        (lambda x: x[None], "wrong number of axes"),
        (lambda x: x.astype(str), "not numeric"),
        (lambda x: np.where(x == x[3, 0], np.nan, x), "1 of .* values are NaN"),
        (lambda x: x * [1e9, 1, 1, 1, 1, 1], "value out of range"),
        (lambda x: x * [1, 1, 1, 255, 255, 255], "colour out of range.*divide by 255"),
        (lambda x: {"xyz": x[:, :3], "rgb": x[1:, 3:]}, "colours do not fit"),
        (lambda x: x[:1], "no extent"),
        (lambda x: as_file(np.save, x)[:300], "cannot decode the arrays"),
        (lambda x: as_file(np.savez, a=x, b=x), "not one array"),
        (lambda x: b"ply\nformat ascii 1.0\n", "not a point cloud"),
    ],
)
def test_bad_input_is_refused(points, spoil, message):
    with pytest.raises(SampleError, match=f"(?s){message}"):
        PointCloud(colour=True).load(spoil(points))


def test_one_place_is_no_cloud():
    with pytest.raises(SampleError, match="no extent"):
        PointCloud().load(np.ones((50, 3), np.float32))


@pytest.mark.parametrize("options", [{"sampling": "grid"}, {"up_axis": "up"}, {"num_points": 0}, {"drop": 1.0}])
def test_impossible_options_are_config_errors(options):
    with pytest.raises(ConfigError):
        PointCloud(**options)


def test_place_and_size_are_taken_out(points):
    sphere = to_unit_sphere(points)
    np.testing.assert_allclose(sphere[:, :3].mean(axis=0), 0, atol=1e-6)
    assert np.linalg.norm(sphere[:, :3], axis=1).max() == pytest.approx(1, abs=1e-6)
    moved = points.copy()
    moved[:, :3] = 40 * moved[:, :3] + [100, -20, 3]
    np.testing.assert_allclose(to_unit_sphere(moved), sphere, atol=1e-5)


def test_colours_come_to_the_range_of_the_places(points):
    spec = PointCloud(colour=True, num_points=len(points))
    tensor = spec.transform(points)
    assert tensor.shape == (6, len(points))
    np.testing.assert_allclose(tensor[3:], 2 * points[:, 3:].T - 1, atol=1e-6)


def test_farthest_points_follow_the_definition(points):
    places = to_unit_sphere(points)[:200, :3]
    picked = [int(np.linalg.norm(places, axis=1).argmax())]
    for _ in range(19):
        gaps = [min(float(np.sum((place - places[one]) ** 2)) for one in picked) for place in places]
        picked.append(int(np.argmax(gaps)))
    assert farthest(places, 20).tolist() == picked


def test_farthest_points_cover_the_surface_better_than_random_ones(points):
    def worst_gap(sampling):
        tensor = PointCloud(num_points=128, sampling=sampling).transform(points[:, :3])
        return torch.cdist(torch.from_numpy(to_unit_sphere(points[:, :3])), tensor.T).amin(1).max().item()

    assert worst_gap("farthest") < 0.6 * worst_gap("random")


@pytest.mark.parametrize("sampling", ["farthest", "random"])
def test_sampling_is_the_same_every_time(points, sampling):
    spec = PointCloud(num_points=100, sampling=sampling)
    assert torch.equal(spec.transform(points[:, :3]), spec.transform(points[:, :3]))


def test_neither_the_order_of_points_nor_points_given_twice_change_a_vector(points):
    spec = PointCloud(colour=True, num_points=256)
    shuffled = np.random.default_rng(0).permutation(points)
    torch.manual_seed(0)
    encoder = spec.encoder(channels=(32, 64), hidden=32).eval()
    few = PointCloud(colour=True, num_points=len(points))
    more = PointCloud(colour=True, num_points=len(points) + 77)
    with torch.no_grad():
        first, second = encoder(spec.collate([spec.transform(points), spec.transform(shuffled)]))
        alone, repeated = encoder(few.transform(points)[None]), encoder(more.transform(points)[None])
        other = encoder(spec.transform(PointCloud(colour=True).synthetic(5))[None])
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)  # the mean place rounds with the order
    torch.testing.assert_close(alone, repeated, atol=1e-6, rtol=0)
    assert not torch.allclose(first, other[0], atol=1e-2)


def test_augment_turns_about_the_upward_axis_alone(points):
    spec = PointCloud(**{**STILL, "turn_degrees": 90.0, "up_axis": "z"}, num_points=300)
    tensor = spec.transform(points[:, :3])
    turned = [spec.augment(tensor, torch.Generator().manual_seed(seed)) for seed in range(10)]
    for result in turned:
        torch.testing.assert_close(result[2], tensor[2], atol=1e-6, rtol=0)
        torch.testing.assert_close(result.norm(dim=0), tensor.norm(dim=0), atol=1e-5, rtol=0)
        turn = result @ torch.linalg.pinv(tensor)
        assert torch.linalg.det(turn).item() == pytest.approx(1, abs=1e-4)
    assert not torch.allclose(turned[0], turned[1])


def test_augment_without_strength_is_the_identity_and_drops_at_most_its_share(points):
    spec = PointCloud(num_points=500, **STILL)
    tensor = spec.transform(points[:, :3])
    torch.testing.assert_close(spec.augment(tensor, torch.Generator().manual_seed(0)), tensor)
    dropping = PointCloud(num_points=500, **{**STILL, "drop": 0.5})
    shares = []
    for seed in range(20):
        result = dropping.augment(tensor, torch.Generator().manual_seed(seed))
        moved = (result != tensor).any(0)
        assert (result[:, moved] == tensor[:, :1]).all()
        shares.append(moved.float().mean().item())
    assert 0.4 < max(shares) < 0.6 and min(shares) < 0.15


@pytest.mark.parametrize("colour", [False, True])
def test_show_gives_places_with_colours_where_there_are_some(colour):
    spec = PointCloud(colour=colour, up_axis="z")
    sample = spec.synthetic(0)
    points = spec.show(sample)
    assert points.up == 2 and points.unit == "m"
    np.testing.assert_array_equal(points.places, sample[:, :3])
    assert (points.colours is not None) == colour


@pytest.mark.shared_data
def test_real_clouds_open(shared_data):
    plain = sorted((shared_data / "assets" / "vitlens").glob("pc_*.npy"))
    coloured = sorted((shared_data / "assets" / "omnibind").glob("*_points.npz"))
    assert (len(plain), len(coloured)) == (5, 3)
    for paths, spec, count in ((plain, PointCloud(), 8192), (coloured, PointCloud(colour=True), 10_000)):
        for path in paths:
            sample = spec.load(path)
            assert len(sample) == count
            tensor = spec.transform(sample)
            assert tensor.shape == (len(spec.contract.channels), 1024) and tensor.abs().max() <= 1
