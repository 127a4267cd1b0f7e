"""Whatever happens to the bytes of a file, reading it gives a valid sample or a `SampleError`."""

from collections.abc import Callable
from io import BytesIO

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from binder.errors import SampleError
from binder.modality import ModalitySpec
from binder.registry import create_modality

NUM_DAMAGES = 40


def picture(array: np.ndarray, form: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(array).save(stream, format=form)
    return stream.getvalue()


def sound(array: np.ndarray, form: str) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, array, 16_000, format=form)
    return stream.getvalue()


def film(array: np.ndarray, form: str) -> bytes:
    stream = BytesIO()
    with av.open(stream, "w", format=form) as container:
        video = container.add_stream("mpeg4", rate=4)
        video.height, video.width, video.pix_fmt = *array.shape[1:3], "yuv420p"
        for frame in array:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(name: str) -> Callable[[np.ndarray], bytes]:
    def write(array: np.ndarray) -> bytes:
        stream = BytesIO()
        np.savez(stream, **{name: array})
        return stream.getvalue()

    return write


FILES: list[tuple[str, str, Callable[[np.ndarray], bytes]]] = [
    *[("image", form, lambda sample, form=form: picture(sample, form)) for form in ("PNG", "JPEG", "WEBP", "TIFF")],
    *[("audio", form, lambda sample, form=form: sound(sample[:, 0], form)) for form in ("WAV", "FLAC", "OGG")],
    *[("video", form, lambda sample, form=form: film(sample, form.lower())) for form in ("MP4", "AVI", "Matroska")],
    ("thermal", "PNG", lambda sample: picture((sample * 100).astype(np.uint16), "PNG")),
    ("thermal", "TIFF", lambda sample: picture(sample, "TIFF")),
    ("depth", "PNG", lambda sample: picture((sample[0] * 1000).astype(np.uint16), "PNG")),
    ("depth", "TIFF", lambda sample: picture(sample[0], "TIFF")),
    ("depth", "NPY", npy),
    ("depth", "NPZ", npz("depth")),
    ("imu", "NPY", npy),
    ("pointcloud", "NPY", npy),
    ("pointcloud", "NPZ", npz("xyz")),
    ("skeleton", "NPY", npy),
    ("skeleton", "NPZ", npz("joints")),
]


@pytest.mark.parametrize(("name", "form", "write"), FILES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_damaged_file_is_a_sample_or_a_sample_error(name, form, write):
    spec = create_modality(name)
    data = write(spec.synthetic(0))
    spec.contract.check(spec.load(data))
    chance = np.random.default_rng(0)
    outcomes = [outcome(spec, damage(data, chance)) for _ in range(NUM_DAMAGES)]
    assert any(outcomes)  # the damage was enough for some to be refused


def damage(data: bytes, chance: np.random.Generator) -> bytes:
    """Cut the file, or overwrite bytes of its header, or bytes anywhere."""
    damaged = bytearray(data)
    kind = chance.integers(3)
    if kind == 0:
        return bytes(damaged[: chance.integers(len(data))])
    end = min(len(data), 200) if kind == 1 else len(data)
    for _ in range(chance.integers(1, 20)):
        damaged[chance.integers(end)] = chance.integers(256)
    return bytes(damaged)


def outcome(spec: ModalitySpec, data: bytes) -> bool:
    """Whether the file was refused; any other exception fails the test."""
    try:
        spec.load(data)
    except SampleError:
        return True
    return False
