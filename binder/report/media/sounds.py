"""Draws sounds: what is heard as a player, its waveform and its spectrogram. Floor: report."""

from io import BytesIO
from xml.etree.ElementTree import Element

import numpy as np
import soundfile
from jaxtyping import Float
from PIL import Image
from scipy.signal import ShortTimeFFT, resample_poly

from binder.display import Sound
from binder.report.media.colours import Extent, colour
from binder.report.media.curves import line, thin
from binder.report.media.html import data_uri, figure, node
from binder.report.media.ogg import with_serial
from binder.report.media.pictures import webp

SECONDS = 4.0  # heard and seen at most, from the middle
PLAYED_HZ = 16_000  # the highest rate that Opus gives speech at so few bits
COMPRESSION = (0.95, 0.97, 1.0)  # of libsndfile: about 19, 14 and 7 kbit/s
LARGEST_SOUND = 8000  # bytes
WIDTH, WAVE_HEIGHT, BANDS = 192, 32, 64
LARGEST_SPECTROGRAM = 1500  # bytes
DECIBELS = 80.0  # below the loudest that are seen
WINDOW = 512  # amplitudes, 32 ms


def draw_sound(sound: Sound, name: str) -> Element:
    """At most four seconds from the middle; what is no number is heard as silence, and said."""
    total = len(sound.waveform) / sound.rate_hz
    length = min(len(sound.waveform), max(1, round(SECONDS * sound.rate_hz)))
    start = (len(sound.waveform) - length) // 2
    part = sound.waveform[start : start + length].astype(float)
    broken = float((~np.isfinite(part)).mean())
    heard = _at_played_rate(np.where(np.isfinite(part), part, 0.0), sound.rate_hz)
    loudest = float(np.abs(heard).max())
    said = [_duration(total, length / sound.rate_hz), *([f"{broken:.0%} not a number"] if broken else [])]
    said += ["silence"] if loudest == 0 else []
    words = f"{name}: sound, {', '.join(said)}"
    drawn = [_waveform(heard), *([_spectrogram(heard, sound.rate_hz)] if loudest else [])]
    player, missing = _player(heard, words)
    seen = node("div", *drawn, role="img", aria_label=f"waveform and spectrogram of {words}", class_="seen")
    return figure("sound", seen, *player, caption=[node("span", text) for text in (*said, *missing)])


def _at_played_rate(waveform: Float[np.ndarray, " time"], rate_hz: float) -> Float[np.ndarray, " heard"]:
    rate = max(1, round(rate_hz))
    return waveform if rate == PLAYED_HZ else resample_poly(waveform, PLAYED_HZ, rate)


def _player(heard: Float[np.ndarray, " time"], words: str) -> tuple[list[Element], list[str]]:
    """The sound as Opus in Ogg, which browsers play; said instead where libsndfile was built without it."""
    if "OPUS" not in soundfile.available_subtypes("OGG"):
        return [], ["no player: this libsndfile writes no Opus"]
    source = data_uri("audio/ogg", _opus(heard.clip(-1, 1)))
    return [node("audio", src=source, controls="", preload="none", aria_label=words)], []


def _opus(heard: Float[np.ndarray, " time"]) -> bytes:
    """In at most `LARGEST_SOUND` bytes: coarser until it fits."""
    for compression in COMPRESSION[:-1]:
        data = _opus_at(compression, heard)
        if len(data) <= LARGEST_SOUND:
            return data
    return _opus_at(COMPRESSION[-1], heard)


def _opus_at(compression: float, heard: Float[np.ndarray, " time"]) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, heard, PLAYED_HZ, format="OGG", subtype="OPUS", compression_level=compression)
    return with_serial(stream.getvalue())


def _waveform(heard: Float[np.ndarray, " time"]) -> Element:
    steps, levels = thin(heard, WIDTH)
    across = steps / max(len(heard) - 1, 1) * WIDTH
    down = (1 - levels.clip(-1, 1)) / 2 * WAVE_HEIGHT
    path = node("path", d=line(across.round(), down), class_="trace trace-0")
    return node("svg", path, viewBox=f"0 0 {WIDTH} {WAVE_HEIGHT}", preserveAspectRatio="none", aria_hidden="true")


def _spectrogram(heard: Float[np.ndarray, " time"], rate_hz: float) -> Element:
    """Loudness in decibels over time and pitch, low pitches at the bottom, on HTK's mel axis."""
    padded = np.pad(heard, (0, max(0, 2 * WINDOW - len(heard))))
    transform = ShortTimeFFT.from_window("hann", PLAYED_HZ, WINDOW, WINDOW - max(128, len(padded) // WIDTH))
    power = transform.spectrogram(padded)
    highest = min(rate_hz, PLAYED_HZ) / 2
    bands = 700 * (10 ** (np.linspace(0, np.log10(1 + highest / 700), BANDS)) - 1)
    loudness = np.stack([np.interp(bands, transform.f, column) for column in power.T], axis=1)
    decibels = 10 * np.log10(loudness + 1e-20)
    extent = Extent(low=float(decibels.max()) - DECIBELS, high=float(decibels.max()), missing=0.0)
    image = Image.fromarray(colour(decibels[::-1], extent, colours="magma")[..., :3])
    data = data_uri("image/webp", webp(image.resize((WIDTH, BANDS)), largest=LARGEST_SPECTROGRAM))
    title = f"0 to {highest / 1000:.3g} kHz (mel), {DECIBELS:g} dB"
    return node("img", src=data, alt="", title=title, width=WIDTH, height=BANDS)


def _duration(total: float, heard: float) -> str:
    whole = f"{total:,.3g} s" if total < 1000 else f"{total:,.0f} s"
    return whole if heard >= total * 0.999 else f"{heard:.3g} s from the middle of {whole}"
