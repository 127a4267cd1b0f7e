"""Decodes single frames of video files with PyAV, seeking past what is not needed; called by `read`.

[1] FFmpeg, libavutil/display.h: a display matrix turns the stored frame counter-clockwise by its angle.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from binder.errors import ConfigError, SampleError
from binder.modality import open_bytes
from modalities.video.sampling import TOLERANCE

# Playlists and scripts, which FFmpeg would open too, name other files and addresses: none of them is a video.
CONTAINERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "gif", "ivf")
MAX_BYTES = 1024**3  # of all frames that are wanted, decoded
LONGEST_PACKET_SECONDS = 1.0
LONGEST_STEP_SECONDS = 60.0
HEADER_ERROR = 0.05  # share of the length by which headers of whole files are wrong
SEEK_SECONDS = 2.0  # a shorter gap is decoded: the key frame before it is often as far away
Wanted = Callable[[float, float], Float64[np.ndarray, " look"]]


def decode_frames(source: Any, wanted: Wanted) -> UInt8[np.ndarray, "look height width 3"]:
    """The frames on the screen at the wanted times, upright, as RGB.

    Args:
        source: a path, bytes, or a `datasets` cell.
        wanted: times of the first and the last frame, seconds -> times to look at.

    Raises:
        SampleError: no video in it, undecodable, truncated, or too large.
        ConfigError: PyAV is not installed.
    """
    try:
        with _open(source) as container:
            reader = _Frames(container)
            times = wanted(reader.first, reader.last)
            reader.check_size(len(times))
            order = np.argsort(times, kind="stable")
            found = {index: reader.at(float(times[index])) for index in order.tolist()}
            return np.stack([found[index] for index in range(len(times))])
    except (SampleError, ConfigError):
        raise
    except Exception as error:  # FFmpeg's errors are of many classes, and damaged files raise others, too
        raise SampleError.explain(
            "cannot decode the video",
            got=f"{type(error).__name__}: {error}",
            expected="a complete MP4, MOV, WebM, MKV, AVI or another common container",
            fix="play the file; copy it again or remove the row",
        ) from error


@contextmanager
def _open(source: Any) -> Iterator[Any]:
    try:
        import av
    except ImportError as error:
        raise ConfigError.explain(
            "video files need PyAV", got=str(error), fix='pip install "hub-binder[video]"'
        ) from error
    with (
        open_bytes(source) as stream,
        av.open(stream, options={"format_whitelist": ",".join(CONTAINERS)}) as container,
    ):
        yield container


class _Frames:
    """The frames of one stream by time; times must be asked for in increasing order.

    Attributes:
        first: when the first frame appears, seconds.
        last: when the last one does.
    """

    def __init__(self, container: Any) -> None:
        pictures = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not pictures:
            raise SampleError.explain(
                "no video in the file",
                got=f"streams: {', '.join(stream.type for stream in container.streams) or 'none'}",
                expected="a video stream",
                fix="use the modality audio for sounds, or remove the row",
            )
        self._container, self._stream = container, pictures[0]
        self._stream.thread_type = "AUTO"
        self._shown: Any = None
        self._restart()
        if self._ahead is None:
            raise SampleError.explain("no frame in the video", got="0 frames", fix="copy the file again")
        self.first = float(self._ahead.time)
        self.last = max(self.first, self._last_time())

    def at(self, time: float) -> UInt8[np.ndarray, "height width 3"]:
        """The frame on the screen at `time`."""
        reached = self.first if self._shown is None else self._shown.time
        if time - reached > SEEK_SECONDS:
            self._seek(time)
            self._shown = None
        while self._ahead is not None and (self._shown is None or self._ahead.time <= time + TOLERANCE):
            self._shown, self._ahead = self._ahead, next(self._decoder, None)
        if self._shown is None or (self._ahead is None and self._shown.time < min(time, self.last) - TOLERANCE):
            raise _truncated(f"no frame decodes at {time:.2f} s", f"the last one at {self.last:.2f} s")
        return _upright(self._shown)

    def check_size(self, count: int) -> None:
        """Raise unless `count` frames fit the memory that a sample may take."""
        frame: Any = self._ahead
        height, width = frame.height, frame.width
        if 3 * height * width * count > MAX_BYTES:
            raise SampleError.explain(
                "video too large",
                got=f"{count} frames of {width} x {height} pixels",
                expected=f"at most {MAX_BYTES:,} bytes of them",
                fix="scale the file down beforehand, or set fewer frames",
            )

    def _restart(self) -> None:
        self._decoder = (frame for frame in self._container.decode(self._stream) if frame.time is not None)
        self._ahead: Any = next(self._decoder, None)

    def _seek(self, time: float) -> None:
        """Go to a key frame at or before `time`, in steps: containers look for it by decoding time."""
        back = 0.0
        while True:
            self._container.seek(int((time - back) / self._stream.time_base), stream=self._stream)
            self._restart()
            if self._ahead is None or self._ahead.time <= time + TOLERANCE:
                return
            if time - back < self.first - LONGEST_STEP_SECONDS:
                raise SampleError.explain(
                    "cannot seek in the video", got=f"no key frame before {time:.2f} s", fix="remux or convert the file"
                )
            back = 2 * back + 1

    def _last_time(self) -> float:
        """When the last frame appears, from the packets behind the last key frame; durations in headers are rough."""
        stated = self._container.duration
        end = ((self._container.start_time or 0) + stated) / 1e6 if stated else None
        if end is not None:
            self._container.seek(int(end / self._stream.time_base), stream=self._stream)
        ends: dict[int, float] = {}
        for packet in self._container.demux():
            if packet.pts is not None:
                at = float(packet.pts * packet.time_base)
                ends[packet.stream.index] = max(at, ends.get(packet.stream.index, at))
        found = max(ends.values(), default=self.first)
        if end is not None and found < end - max(LONGEST_PACKET_SECONDS, HEADER_ERROR * end):
            raise _truncated(f"the last packet is at {found:.2f} s", f"{end:.2f} s")
        self._seek(self.first)
        return ends.get(self._stream.index, self.first)


def _is_cover(stream: Any) -> bool:
    """A picture attached to a sound."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _upright(frame: Any) -> UInt8[np.ndarray, "height width 3"]:
    """Turned as the file's display matrix says [1]."""
    return np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90))


def _truncated(got: str, expected: str) -> SampleError:
    return SampleError.explain(
        "truncated video", got=got, expected=f"{expected}, as the header says", fix="copy the file again"
    )
