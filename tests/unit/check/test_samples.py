"""`binder check NAME --data TABLE` says which samples cannot be read, and which are odd."""

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from binder.check import check_name
from binder.check.modality import CHECKS
from binder.cli import app
from binder.errors import ConfigError, TableError

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


@pytest.fixture
def folder(tmp_path):
    sounds = {"clipped": (4 * TONE).clip(-1, 1), "good": TONE, "silent": 0 * TONE, "still": 0 * TONE}
    (tmp_path / "audio").mkdir()
    for name, sound in sounds.items():
        soundfile.write(tmp_path / "audio" / f"{name}.wav", sound, RATE)
    soundfile.write(tmp_path / "audio" / "fast.wav", TONE, 44_100)
    (tmp_path / "audio" / "broken.wav").write_bytes(b"RIFF")
    return tmp_path


def test_every_sample_is_read_and_faults_and_remarks_are_listed_by_id(folder):
    found = check_name("audio", data=str(folder))[len(CHECKS) :]
    lines = {(line.name, line.passed, line.detail.partition("\n")[0]) for line in found}
    assert lines == {
        ("samples", False, "4 of 6 can be read"),
        ("fault", False, "1 x cannot decode the sound (id broken)"),
        ("fault", False, "1 x wrong sampling rate (id fast)"),
        ("note", True, "1 x clipped (id clipped)"),
        ("note", True, "2 x silent (id silent, still)"),
    }
    rate = next(line.detail for line in found if "sampling rate" in line.detail)
    assert "got:      44100 Hz" in rate and "expected: 16000 Hz" in rate and "resample: true" in rate


def test_options_are_those_of_the_modality(folder):
    lines = check_name("audio", options=["resample=true", "rate_hz=8000"], data=str(folder))
    assert "5 of 6 can be read" in [line.detail for line in lines]
    for options in (["resample"], ["resample=["]):
        with pytest.raises(ConfigError):
            check_name("audio", options=options)


def test_a_table_without_the_modality_is_an_error(folder):
    with pytest.raises(TableError):
        check_name("depth", data=str(folder))


def test_remarks_alone_do_not_fail_the_command(folder):
    for name in ("fast.wav", "broken.wav"):
        (folder / "audio" / name).unlink()
    done = CliRunner().invoke(app, ["check", "audio", "seconds=0.5", "--data", str(folder)])
    assert done.exit_code == 0
    assert "2 x silent" in done.output
