"""A hub copy starts as the hub's own image tower, takes other channels and sizes, and loads without the hub."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from image_hubs import KINDS, SIZES, hub_vectors, image_hub
from torch import nn
from toys import ToyHub

from binder.errors import HubError, RegistryError
from binder.hub import open_hub
from binder.hub.transform import TransformedHub, fit_hub_transform
from binder.modality import ModalitySpec
from binder.registry import create_modality
from binder.towers import Ledger, TowerCheckpoint, build_tower, load_tower, save_tower
from binder.towers.image_networks import adapt_input
from binder.types import Batch

ALONE = {"audio": "clip", "video": "uniform"}  # the view of one part
COPY = {"name": "hub-copy"}
TOLERANCE = {"atol": 1e-5, "rtol": 0.0}  # vectors of length 1; sums of three kernels round otherwise than three sums


def _batch(spec: ModalitySpec, count: int = 3) -> Batch:
    return spec.collate([spec.transform(spec.load(spec.synthetic(seed))) for seed in range(count)])


@pytest.fixture(scope="module")
def hubs(tmp_path_factory):
    """Kind -> hub; opening one takes seconds, and none is changed by a test."""
    folder = tmp_path_factory.mktemp("hubs")
    return cache(lambda kind: image_hub(kind, folder / kind))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def hub(kind, hubs):
    return hubs(kind)


def test_one_channel_starts_with_the_hubs_vector_of_the_grey_picture(kind, hub):
    spec = create_modality("thermal", size=SIZES[kind])
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    batch = _batch(spec)
    torch.testing.assert_close(tower(batch), hub_vectors(hub, batch.expand(-1, 3, -1, -1)), **TOLERANCE)


def test_the_grey_picture_is_the_first_of_several_channels_and_three_are_rgb(hubs):
    hub = hubs("vit")
    depth, image = create_modality("depth", size=32), create_modality("image", size=32)
    nearness = _batch(depth)
    tower = build_tower(depth, hub.dim, encoder=COPY, hub=hub).eval()
    torch.testing.assert_close(tower(nearness), hub_vectors(hub, nearness[:, :1, 0].expand(-1, 3, -1, -1)), **TOLERANCE)
    rgb = build_tower(image, hub.dim, encoder=COPY, hub=hub).eval()
    torch.testing.assert_close(rgb(_batch(image)), hub_vectors(hub, _batch(image)), **TOLERANCE)


def test_the_playground_hub_can_be_copied():
    hub, spec = open_hub("playground:clip"), create_modality("thermal")
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    torch.testing.assert_close(tower(_batch(spec)), hub_vectors(hub, _batch(spec).expand(-1, 3, -1, -1)), **TOLERANCE)


def test_a_copy_of_a_transformed_hub_starts_with_its_transformed_vectors(hubs):
    raw = hubs("vit")
    points = nn.functional.normalize(torch.randn(64, raw.dim, generator=torch.Generator().manual_seed(0)), dim=-1)
    hub = TransformedHub(raw, fit_hub_transform("whiten", points))
    spec = create_modality("thermal", size=32)
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    expected = hub.transform(hub_vectors(raw, _batch(spec).expand(-1, 3, -1, -1)))
    torch.testing.assert_close(tower(_batch(spec)), expected, atol=1e-4, rtol=0)  # whitening enlarges the rounding


def test_every_kind_takes_another_size_and_ratio(kind, hub):
    spec = create_modality("audio", seconds=1.3)  # 64 x 131: not square, not whole patches
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    vectors = tower(_batch(spec))
    assert vectors.shape == (3, hub.dim) and torch.isfinite(vectors).all()
    assert (vectors[0] - vectors[1]).norm() > 1e-6


def test_position_embeddings_are_interpolated_over_the_new_grid(hubs):
    network = deepcopy(hubs("vit")._model.visual)
    before = network.positional_embedding.detach().clone()
    adapt_input(network, channels=1, size=(64, 120))
    grid = before[1:].T.reshape(1, 32, 4, 4)
    moved = nn.functional.interpolate(grid, size=(8, 15), mode="bicubic", antialias=True).flatten(2)[0].T
    torch.testing.assert_close(network.positional_embedding, torch.cat([before[:1], moved]))


def test_a_clip_is_the_mean_of_its_frames(hubs):
    hub, spec = hubs("vit"), create_modality("depth", size=32, num_frames=4)
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    clip = _batch(spec)
    frames = torch.stack([hub_vectors(hub, clip[:, :1, step].expand(-1, 3, -1, -1)) for step in range(4)])
    torch.testing.assert_close(tower(clip), nn.functional.normalize(frames.mean(0), dim=-1), **TOLERANCE)


def test_samples_in_parts_have_the_mean_of_their_parts_vectors(hubs, tmp_path):
    """Clips of a sound, clips of a video: each part is a picture, or a clip, to the copy."""
    hub, long = hubs("vit"), create_modality("audio", seconds=0.9)
    cases = {"audio": {"num_clips": 3, "seconds": 0.3}, "video": {"num_clips": 2, "num_frames": 2, "size": 32}}
    for name, options in cases.items():
        spec, alone = (create_modality(name, **options, view_policy=view) for view in ("clips", ALONE[name]))
        tower, plain = (build_tower(one, hub.dim, encoder=COPY, hub=hub).eval() for one in (spec, alone))
        samples = [(long if name == "audio" else spec).synthetic(seed) for seed in range(2)]
        batch = spec.collate([spec.transform(sample) for sample in samples])
        parts = torch.stack([plain(batch[:, part]) for part in range(batch.shape[1])])
        assert (parts[0] - parts[1]).norm() > 1e-4
        torch.testing.assert_close(tower(batch), nn.functional.normalize(parts.mean(0), dim=-1), **TOLERANCE)
        save_tower(_checkpoint(tower), tmp_path / name)
        assert torch.equal(load_tower(tmp_path / name).tower(batch), tower(batch))


@pytest.mark.parametrize("kind", ["resnet", "timm-resnet"])
def test_batch_neighbours_and_training_leave_its_statistics_alone(hubs, kind):
    hub, spec = hubs(kind), create_modality("thermal", size=64)
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub)
    batch = _batch(spec)
    expected = tower.eval()(batch)
    tower.train()
    torch.testing.assert_close(torch.cat([tower(batch[:1]), tower(batch[1:])]), expected, **TOLERANCE)


def _checkpoint(tower, seed: int = 0) -> TowerCheckpoint:
    ledger = Ledger(
        modality=tower.spec.name, edges=((tower.spec.name, "image"),), hub="h", hub_fingerprint="f",
        table_fingerprints=(), items={name: () for name in ("role", "id", "group", "modality", "content")},
    )  # fmt: skip
    return TowerCheckpoint(tower=tower, ledger=ledger, encoder=COPY, head="linear", seed=seed)


def test_it_loads_without_the_hub_and_says_where_its_weights_came_from(kind, hub, tmp_path, monkeypatch):
    spec = create_modality("thermal", size=SIZES[kind])
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    with torch.no_grad():
        for weight in tower.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    save_tower(_checkpoint(tower), tmp_path / "tower")
    monkeypatch.setattr(type(hub), "image_tower", None)
    loaded = load_tower(tmp_path / "tower")
    assert torch.equal(loaded.tower(_batch(spec)), tower(_batch(spec)))
    assert loaded.tower.origin == {"hub": hub.name, "fingerprint": hub.fingerprint, "licence": hub.licence}


def test_its_untrained_twin_is_a_fresh_copy_and_needs_the_hub(hubs):
    hub, spec = hubs("vit"), create_modality("thermal", size=32)
    tower = build_tower(spec, hub.dim, encoder=COPY, hub=hub).eval()
    first = tower(_batch(spec)).detach().clone()
    checkpoint = _checkpoint(tower)
    with torch.no_grad():
        for weight in tower.parameters():
            weight.mul_(1.5).add_(0.1)
    assert torch.equal(checkpoint.untrained(hub)(_batch(spec)), first)
    with pytest.raises(RegistryError, match="needs the hub"):
        checkpoint.untrained()
    hub.check_frozen()


def test_what_cannot_be_copied_is_refused(hubs):
    hub = hubs("vit")
    with pytest.raises(RegistryError, match="imu does not look like an image"):
        build_tower(create_modality("imu"), hub.dim, encoder=COPY, hub=hub)
    with pytest.raises(RegistryError, match="audio of one size"):
        build_tower(create_modality("audio", length="any"), hub.dim, encoder=COPY, hub=hub)
    with pytest.raises(RegistryError, match="head: linear"):
        build_tower(create_modality("thermal", size=32), hub.dim, encoder=COPY, hub=hub, head="mlp")
    with pytest.raises(RegistryError, match="takes no options"):
        build_tower(create_modality("thermal"), hub.dim, encoder={**COPY, "depth": 3}, hub=hub)
    with pytest.raises(HubError, match="no image tower"):
        build_tower(create_modality("thermal"), 12, encoder=COPY, hub=ToyHub())
