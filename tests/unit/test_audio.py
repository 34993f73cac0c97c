"""Sound to 16 kHz mono: every WAV that tools write, no delay, no aliases, and errors that name the file."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from model_runtime.contracts import SAMPLE_RATE
from model_runtime.errors import AudioError
from model_runtime.hearing import audio

Samples = NDArray[np.float64]
RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000)
FULL_SCALE = {8: 128, 16: 1 << 15, 24: 1 << 23, 32: 1 << 31}


def tone(hertz: float, rate: float, seconds: float = 0.5, level: float = 0.5) -> Samples:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def as_bytes(samples: Samples, bits: int, floating: bool) -> bytes:
    if floating:
        return samples.astype(f"<f{bits // 8}").tobytes()
    whole = np.clip(np.round(samples * FULL_SCALE[bits]), -FULL_SCALE[bits], FULL_SCALE[bits] - 1).astype("<i8")
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    return whole.view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


def write_wav(path: Path, samples: Samples, rate: int, bits: int = 16, floating: bool = False,
              extensible: bool = False) -> Path:  # fmt: skip
    """A WAV file byte by byte, with chunks of odd size before and after the sound as some editors write them."""
    channels = samples.shape[1] if samples.ndim == 2 else 1
    body = as_bytes(samples.reshape(-1), bits, floating)
    code = 3 if floating else 1
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else code, channels, rate, rate * width, width, bits)
    if extensible:
        form += struct.pack("<HHIH14s", 22, bits, 0, code, b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
    chunks = ((b"fmt ", form), (b"LIST", b"odd"), (b"data", body), (b"LIST", b"after"))
    content = b"".join(name + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for name, c in chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WAVE" + content)
    return path


def spectrum(samples: NDArray[np.float32]) -> tuple[float, float]:
    """The strongest frequency in hertz and its amplitude, by a Hann window over the middle of a sound."""
    middle = samples[len(samples) // 8 : -len(samples) // 8].astype(np.float64)
    window = np.hanning(len(middle))
    power = np.abs(np.fft.rfft(middle * window, 1 << 17))
    peak = int(power.argmax())
    return peak * SAMPLE_RATE / (1 << 17), 2 * float(power[peak]) / float(window.sum())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("extensible", [False, True], ids=["plain", "extensible"])
@pytest.mark.parametrize(
    ("bits", "floating"), [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)]
)
def test_every_sample_format_holds_the_same_sound(
    tmp_path: Path, bits: int, floating: bool, extensible: bool, channels: int
) -> None:
    said = tone(440, SAMPLE_RATE)
    samples = np.stack([said * 1.5, said * 0.5], axis=1) if channels == 2 else said
    clip = audio.load(write_wav(tmp_path / "line.wav", samples, SAMPLE_RATE, bits, floating, extensible))
    assert clip.name == "line"
    assert len(clip.samples) == len(said)
    assert clip.samples == pytest.approx(said, abs=1.01 / (128 if bits == 8 else 1 << 15))


def test_a_channel_that_is_wired_backwards_does_not_silence_the_other(tmp_path: Path) -> None:
    said = tone(440, SAMPLE_RATE, 20.0)
    both = np.stack([said, -0.99 * said], axis=1)
    for clip in (audio.load(write_wav(tmp_path / "line.wav", both, SAMPLE_RATE)),
                 audio.from_samples(both, SAMPLE_RATE, "line")):  # fmt: skip
        assert clip.samples == pytest.approx(said, abs=1e-4)


def test_one_channel_of_eight_is_heard(tmp_path: Path) -> None:
    """A film's dialogue is in the centre alone."""
    said = tone(440, SAMPLE_RATE)
    film = np.zeros((len(said), 8))
    film[:, 2] = said
    clip = audio.load(write_wav(tmp_path / "line.wav", film, SAMPLE_RATE))
    assert clip.samples == pytest.approx(said / 8, abs=1e-4)


@pytest.mark.parametrize("subtype", ["ALAW", "ULAW", "IMA_ADPCM", "MS_ADPCM"])
def test_wav_files_of_telephones_and_games_are_read(tmp_path: Path, subtype: str) -> None:
    said = tone(440, SAMPLE_RATE)
    soundfile.write(tmp_path / "line.wav", said, SAMPLE_RATE, subtype=subtype)
    clip = audio.load(tmp_path / "line.wav")
    assert np.abs(clip.samples[: len(said)] - said).mean() < 0.03


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_frequency_level_and_length(tmp_path: Path, rate: int) -> None:
    for hertz in (220.0, 0.4 * min(rate, SAMPLE_RATE)):
        clip = audio.load(write_wav(tmp_path / "tone.wav", tone(hertz, rate), rate))
        assert clip.samples.dtype == np.float32
        assert clip.duration == pytest.approx(0.5, abs=1.5 / SAMPLE_RATE)
        found, level = spectrum(clip.samples)
        assert found == pytest.approx(hertz, abs=0.5)
        assert 20 * np.log10(level / 0.5) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_stays_where_it_is(tmp_path: Path, rate: int) -> None:
    for at in (0.0101, 0.25, 0.4987):
        samples = np.zeros(rate // 2)
        samples[round(at * rate)] = 1.0
        clip = audio.load(write_wav(tmp_path / "click.wav", samples, rate, 32, floating=True))
        placed = round(at * rate) / rate
        assert float(np.abs(clip.samples).argmax()) / SAMPLE_RATE == pytest.approx(placed, abs=1e-4)


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000, 96000])
def test_what_16_khz_cannot_hold_is_removed(tmp_path: Path, rate: int) -> None:
    for hertz in np.linspace(8600, min(20000, 0.48 * rate), 6):
        clip = audio.load(write_wav(tmp_path / "hiss.wav", tone(hertz, rate), rate, 32, floating=True))
        middle = clip.samples[800:-800]
        assert 20 * np.log10(np.sqrt(2) * float(np.sqrt(np.square(middle).mean())) / 0.5) < -60.0


def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "cut.wav", np.stack([tone(300, 44100)] * 2, axis=1), 44100, 24)
    whole = audio.load(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
    cut = audio.load(path)
    assert 0.24 < cut.duration < 0.26
    assert cut.samples[:3900] == pytest.approx(whole.samples[:3900], abs=1e-5)


def test_values_that_are_not_numbers_become_finite(tmp_path: Path) -> None:
    samples = tone(300, 44100)
    samples[[10, 20, 30]] = np.nan, np.inf, -np.inf
    clip = audio.load(write_wav(tmp_path / "nan.wav", samples, 44100, 32, floating=True))
    assert np.isfinite(clip.samples).all()


def test_flac_and_wav_hold_the_same_sound(tmp_path: Path) -> None:
    samples = np.stack([tone(440, 44100), tone(440, 44100)], axis=1)
    soundfile.write(tmp_path / "line.flac", samples, 44100)
    flac = audio.load(tmp_path / "line.flac")
    assert flac.samples == pytest.approx(audio.load(write_wav(tmp_path / "line.wav", samples, 44100)).samples, abs=1e-4)


def test_blender_samples_may_have_a_rate_that_is_no_whole_number() -> None:
    clip = audio.from_samples(tone(440, 44100).astype(np.float32), 44100.0, "strip")
    assert spectrum(clip.samples)[0] == pytest.approx(440, abs=0.5)
    with pytest.raises(AudioError, match="strip"):
        audio.from_samples(np.zeros((0, 2), dtype=np.float32), 48000, "strip")


def damaged(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_errors_name_the_file(tmp_path: Path) -> None:
    compressed = write_wav(tmp_path / "adpcm.wav", tone(300, 8000), 8000)
    compressed.write_bytes(compressed.read_bytes().replace(b"\x10\0\0\0\x01\0", b"\x10\0\0\0\x02\0", 1))
    wrong = (
        tmp_path / "missing.wav",
        tmp_path,
        compressed,
        write_wav(tmp_path / "empty.wav", np.zeros(0), 16000),
        damaged(tmp_path / "nothing.wav", b""),
        damaged(tmp_path / "text.wav", b"This is a letter, not a sound. " * 9),
        damaged(tmp_path / "text.mp3", b"This is a letter, not a sound. " * 9),
        damaged(tmp_path / "header.wav", b"RIFF\x24\0\0\0WAVEfmt "),
    )
    for path in wrong:
        with pytest.raises(AudioError, match=path.stem):
            audio.load(path)


def test_a_silent_file_is_named_and_a_quiet_one_passes(tmp_path: Path) -> None:
    silent = audio.load(write_wav(tmp_path / "silent.wav", np.zeros(16000), 16000))
    with pytest.raises(AudioError, match="silent"):
        audio.require_speech(silent)
    audio.require_speech(audio.load(write_wav(tmp_path / "quiet.wav", tone(200, 16000, level=0.002), 16000)))


def test_twenty_minutes_fit_in_a_gigabyte(tmp_path: Path) -> None:
    """Measured over one minute: memory grows with the length of the file."""
    minute = np.tile(np.stack([tone(300, 48000, 1.0)] * 2, axis=1), (60, 1))
    path = write_wav(tmp_path / "long.wav", minute, 48000, 24)
    tracemalloc.start()
    clip = audio.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clip.duration == pytest.approx(60.0)
    assert 20 * peak < 1e9


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 44_099, 96_000])
def test_blocks_are_resampled_as_the_whole(rate: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 2 * rate + 17).astype(np.float32)
    blocks = (samples[at : at + 7_001] for at in range(0, len(samples), 7_001))
    joined = np.concatenate(list(audio.resampled_blocks(blocks, rate)))
    np.testing.assert_allclose(joined, audio.resampled(samples, rate), rtol=0, atol=1e-5)
