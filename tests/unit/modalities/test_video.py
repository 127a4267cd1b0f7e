"""Videos: formats, which frames are taken, orientation, refusals, and what a tower sees."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
import soundfile
import torch
from av.stream import Disposition
from PIL import Image as Pillow

from binder.errors import BinderError, SampleError
from binder.registry import create_modality
from binder.towers import build_tower
from modalities.image import Image
from modalities.video import Video
from modalities.video.decode import MAX_BYTES
from modalities.video.sampling import shown_at, wanted_times

SIDE = (48, 64)


def ramp(count: int) -> np.ndarray:
    """Frames that carry their number: eight bars, white where its binary digit is 1."""
    digits = (np.arange(count)[:, None] >> np.arange(8)) & 1
    bars = np.repeat(255 * digits.astype(np.uint8), SIDE[1] // 8, axis=1)
    return np.repeat(np.repeat(bars[:, None, :, None], SIDE[0], axis=1), 3, axis=3)


def encoded(
    frames: np.ndarray,
    form: str = "mp4",
    codec: str = "libx264",
    *,
    pts: list[int] | None = None,
    rate: int = 10,
    gop: int = 12,
) -> bytes:
    """A file of frames; `pts` in units of 1 / (100 rate) seconds."""
    stream = BytesIO()
    with av.open(stream, "w", format=form) as container:
        video = container.add_stream(codec, rate=rate)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.gop_size = gop
        video.codec_context.time_base = Fraction(1, 100 * rate)
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts = 100 * number if pts is None else pts[number]
            frame.time_base = Fraction(1, 100 * rate)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return stream.getvalue()


def numbers(sample: np.ndarray) -> list[int]:
    """Which frames of `ramp` these are."""
    bars = sample.reshape(len(sample), SIDE[0], 8, -1).mean(axis=(1, 3)) > 127
    return (bars @ (1 << np.arange(8))).tolist()


@pytest.mark.parametrize(
    ("form", "codec"),
    [
        ("mp4", "libx264"),
        ("mov", "mpeg4"),
        ("matroska", "libx264"),
        ("webm", "libvpx-vp9"),
        ("avi", "mpeg4"),
        ("mpegts", "libx264"),
    ],
)
def test_common_formats_open_and_frames_are_spread_evenly(form, codec):
    sample = Video(num_frames=5).load(encoded(ramp(41), form, codec))
    assert sample.shape == (5, *SIDE, 3) and sample.dtype == np.uint8
    assert numbers(sample) == [0, 10, 20, 30, 40]


def test_path_bytes_and_dictionary_give_one_sample(tmp_path):
    data = encoded(ramp(20))
    path = tmp_path / "video.mp4"
    path.write_bytes(data)
    spec = Video(num_frames=4)
    first = spec.load(data)
    for source in (path, str(path), {"bytes": data, "path": None}, {"bytes": None, "path": str(path)}):
        np.testing.assert_array_equal(spec.load(source), first)


@pytest.mark.parametrize("gop", [1, 12, 250])
@pytest.mark.parametrize("count", [3, 7, 100])
def test_seeking_finds_the_frames_that_decoding_everything_finds(gop, count):
    frames = ramp(100)
    data = encoded(frames, gop=gop)
    with av.open(BytesIO(data)) as container:
        everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    places = np.linspace(0, 99, count).astype(int)
    np.testing.assert_array_equal(Video(num_frames=count).load(data), np.stack(everything)[places])


def test_not_every_frame_is_decoded(monkeypatch):
    """Of 100 s, in which every second starts with a key frame, four looks decode a few seconds."""
    data = encoded(ramp(100), rate=1, gop=1)
    decoded = []
    upright = "modalities.video.decode._Frames._restart"

    def counted(self):
        self._decoder = (decoded.append(1) or frame for frame in self._container.decode(self._stream))
        self._ahead = next(self._decoder, None)

    monkeypatch.setattr(upright, counted)
    assert numbers(Video(num_frames=4).load(data)) == [0, 33, 66, 99]
    assert len(decoded) < 12


def test_times_not_numbers_count_where_the_rate_varies():
    """Ten frames in the first second, then one per second: the middle, at 5.5 s, is in the slow part."""
    pts = [100 * number for number in range(10)] + [1000 * second for second in range(1, 12)]
    data = encoded(ramp(21), pts=pts)
    sample = Video(num_frames=1).load(data)
    assert numbers(sample) == [14]  # from 5 s on
    assert numbers(Video(num_frames=3, view_policy="centre", stride_seconds=1.0).load(data)) == [13, 14, 15]


def test_windows_and_clips_lie_where_they_are_said_to():
    data = encoded(ramp(101))  # 10 s
    centre = Video(num_frames=5, view_policy="centre", stride_seconds=0.5).load(data)
    assert numbers(centre) == [40, 45, 50, 55, 60]
    clips = Video(num_frames=2, view_policy="clips", num_clips=3, stride_seconds=1.0).load(data)
    assert numbers(clips) == [0, 10, 45, 55, 90, 100]
    short = Video(num_frames=5, view_policy="centre", stride_seconds=0.5).load(encoded(ramp(11)))
    assert numbers(short) == [0, 5, 10, 10, 10]


def test_arrays_are_sampled_like_files():
    frames = ramp(101)
    for options in (
        {"num_frames": 5},
        {"num_frames": 3, "view_policy": "centre"},
        {"num_frames": 2, "view_policy": "clips"},
    ):
        spec = Video(rate_hz=10.0, **options)
        assert numbers(spec.load(frames)) == numbers(spec.load(encoded(frames)))


def test_the_frame_on_the_screen_is_the_latest_that_has_appeared():
    times = np.array([0.0, 0.1, 0.5])
    assert shown_at(times, np.array([-1.0, 0.0, 0.0999, 0.3, 0.5, 9.0])).tolist() == [0, 0, 1, 1, 2, 2]
    looks = wanted_times(1.0, 3.0, view="uniform", num_frames=3, num_clips=1, stride_seconds=1.0)
    assert looks.tolist() == [1.0, 2.0, 3.0]


def turned(data: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """Another display matrix (a, b, c, d) in the track header of an MP4: ISO/IEC 14496-12, 8.3.2."""
    place = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 8  # version 0: times, id, duration, reserved, layer to volume
    a, b, c, d = ((value << 16).to_bytes(4, "big", signed=True) for value in matrix)
    zero, one = bytes(4), (1 << 30).to_bytes(4, "big")
    entries = a + b + zero + c + d + zero + zero + zero + one
    return data[:place] + entries + data[place + 36 :]


@pytest.mark.parametrize(
    ("matrix", "turns"), [((1, 0, 0, 1), 0), ((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)]
)
def test_phones_that_were_held_otherwise_are_turned_upright(matrix, turns):
    """(x, y) is drawn at (a x + c y, b x + d y), y downwards: (0, 1, -1, 0) is a quarter turn clockwise."""
    frames = np.repeat(Video().synthetic(1)[:1], 3, axis=0)
    data = encoded(frames)
    plain = Video(num_frames=1).load(data)[0]
    np.testing.assert_array_equal(Video(num_frames=1).load(turned(data, matrix))[0], np.rot90(plain, turns))


def sound_only(form: str) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, np.zeros(8000), 8000, format=form)
    return stream.getvalue()


def test_bad_files_are_refused_with_the_reason():
    data = encoded(ramp(60))
    at = data.index(b"mdat")
    front = encoded(ramp(60), "matroska")
    cases = [
        (data[: len(data) // 2], "decode"),  # the index of an MP4 is at its end
        (front[: len(front) // 2], "truncated|decode"),
        (sound_only("OGG"), "(?s)no video in the file.*audio"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n", "decode"),  # would open another file
        (data[:at] + bytes(len(data) - at), "decode|no frame"),
        (ramp(4).astype(np.float32), "uint8"),
        (ramp(4)[0], "axes"),
        (ramp(4)[:0], "empty"),
        (ramp(4)[..., :2], "channels"),
    ]
    for source, reason in cases:
        with pytest.raises(SampleError, match=reason):
            Video().load(source)


def test_an_mp4_whose_pictures_are_cut_off_is_refused():
    """The index is moved to the front, as for the web; then the end of the file is missing."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        video = container.add_stream("libx264", rate=10, options={"g": "10"})
        video.height, video.width, video.pix_fmt = *SIDE, "yuv420p"
        for array in np.random.default_rng(0).integers(0, 255, (60, *SIDE, 3), dtype=np.uint8):
            container.mux(video.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(video.encode())
    data = stream.getvalue()
    assert len(Video().load(data)) == 8
    with pytest.raises(SampleError, match=r"truncated|decode"):
        Video().load(data[: -len(data) // 3])


def test_absurd_sizes_are_refused_before_they_are_decoded():
    data = encoded(np.zeros((2, 2000, 2000, 3), np.uint8))
    with pytest.raises(SampleError, match=f"too large.*\n.*2000 x 2000.*\n.*{MAX_BYTES:,}"):
        Video(num_frames=100).load(data)


def test_cover_pictures_of_sounds_are_no_videos():
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(SampleError, match="no video"):
        Video().load(stream.getvalue())


def test_a_frame_is_prepared_as_an_image_is():
    frame = np.asarray(Pillow.fromarray(Image().synthetic(3)).resize((96, 80)))
    clip = Video(num_frames=2, size=32).transform(np.stack([frame, frame[::-1]]))
    assert clip.shape == (3, 2, 32, 32)
    picture = Image(size=32).transform(frame)
    assert (clip[:, 0] - picture).abs().max() < 3 / 255 / 0.26  # Pillow rounds to whole levels, twice


def test_constants_of_normalisation_are_options():
    black = np.zeros((1, 8, 8, 3), np.uint8)
    assert torch.equal(Video(num_frames=1, size=8, normalise="half").transform(black), -torch.ones(3, 1, 8, 8))
    grey = Video(num_frames=1, size=8, normalise="imagenet").transform(black)[0]
    assert float(grey.mean()) == pytest.approx(-0.485 / 0.229, abs=1e-5)


def test_training_varies_all_frames_alike():
    still = np.repeat(Video().synthetic(0)[:1], 8, axis=0)
    spec = Video(flip=True)
    varied = [spec.augment(spec.transform(still), torch.Generator().manual_seed(seed)) for seed in range(8)]
    for clip in varied:
        assert torch.equal(clip, clip[:, :1].expand_as(clip))
    assert len({float(clip.sum()) for clip in varied}) == 8


@pytest.mark.parametrize("pooling", ["mean", "attention"])
@pytest.mark.parametrize("view", ["uniform", "clips"])
def test_features_are_pooled_over_frames_and_averaged_over_clips(view, pooling):
    spec = Video(num_frames=3, view_policy=view, num_clips=2, size=16)
    torch.manual_seed(0)
    network = spec.encoder(pooling=pooling, channels=(8, 8)).eval()
    clips = [spec.transform(spec.load(spec.synthetic(seed))) for seed in range(3)]
    with torch.no_grad():
        together = network(spec.collate(clips))
        of_clip = network.encoder if view == "clips" else network
        for features, clip in zip(together, clips, strict=True):
            parts = clip if view == "clips" else clip[None]
            expected = torch.stack([_one_clip(of_clip.frames, part, pooling) for part in parts]).mean(0)
            torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-5)


def _one_clip(pool, clip: torch.Tensor, pooling: str) -> torch.Tensor:
    frames = [pool.encoder(clip[None, :, time])[0] for time in range(clip.shape[1])]
    if pooling == "mean":
        return sum(frames) / len(frames)
    pooled = []
    for head in range(pool.heads):
        share = slice(head * pool.width // pool.heads, (head + 1) * pool.width // pool.heads)
        scores = []
        for place, frame in enumerate(frames):
            normed = (frame - frame.mean()) / (frame.var(correction=0) + 1e-5).sqrt()
            scores.append(float(pool.scores.weight[head] @ normed + pool.positions[place, head]))
        weights = np.exp(scores) / np.exp(scores).sum()
        pooled.append(sum(weight * frame[share] for weight, frame in zip(weights.tolist(), frames, strict=True)))
    return torch.cat(pooled)


def test_attention_knows_the_order_of_frames_and_the_mean_does_not():
    spec = Video(size=16)
    clip = spec.transform(spec.synthetic(0))[None]
    for pooling, same in (("mean", True), ("attention", False)):
        tower = build_tower(spec, 8, encoder={"pooling": pooling, "channels": [8, 8]}).eval()
        torch.nn.init.normal_(getattr(tower.encoder.frames, "positions", torch.zeros(1)))
        assert torch.allclose(tower(clip), tower(clip.flip(2)), atol=1e-6) == same


@pytest.mark.parametrize(
    "options",
    [
        {"view_policy": "middle"},
        {"normalise": "none"},
        {"num_frames": 0},
        {"stride_seconds": 0.0},
        {"size": 4},
        {"brightness": 1.0},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(BinderError, match=f"option {next(iter(options))} of video"):
        create_modality("video", **options)


def test_show_gives_the_frames_that_were_read():
    frames = ramp(6)
    assert Video().show(frames).frames is frames


@pytest.mark.shared_data
def test_real_videos_open(shared_data):
    files = sorted((shared_data / "assets" / "languagebind" / "video").glob("*.mp4"))
    assert len(files) == 2
    for path in files:
        sample = Video(num_frames=8).load(path)
        with av.open(str(path)) as container:
            everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        # LanguageBind, video/processing_video.py: whole numbers from the first to the last frame
        places = np.linspace(0, len(everything) - 1, 8, dtype=int)
        np.testing.assert_array_equal(sample, np.stack(everything)[places])
        assert Video(view_policy="clips").transform(Video(view_policy="clips").load(path)).shape == (3, 3, 8, 64, 64)
