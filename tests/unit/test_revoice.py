"""The road of a plate, from the consent to the signed film: what is refused, what is made, and that nothing stays."""

from __future__ import annotations

import json
import shutil
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime.__main__ import main
from model_runtime.errors import AudioError, Cancelled, ConsentError, PlateError
from model_runtime.plate import consent, film, provenance, trust
from model_runtime.revoice import Order, revoice

from ..anna import allows

av = pytest.importorskip("av")
needs_networks = pytest.mark.usefixtures("face_folder")
PLATE, VOICE = "grid_speakers/brbk7n", "grid_speakers/swiz3n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(trust.HOME, str(tmp_path / "home"))
    return tmp_path / "home"


def write_sound(path: Path, samples: Any) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def sign(folder: Path, plate: Path, sound: Path) -> Path:
    """A record for this plate and sound."""
    return allows(folder, consent.plate_hash(plate), {"audio": consent.plate_hash(sound)})


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A plate of noise, a line of a tone, and a record for both."""
    plate, sound = tmp_path / "plate.mkv", tmp_path / "line.wav"
    noise = np.random.default_rng(1).integers(60, 180, (14, 48, 64, 3)).astype(np.uint8)
    film.write_movie(plate, noise, np.arange(14) / 25)
    write_sound(sound, 0.3 * np.sin(np.arange(16_000) / 5))
    return Order(plate, sound, sign(tmp_path, plate, sound), tmp_path / "out", ("cinema",), ("DE",))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"media": ("advertising",)}, ConsentError, "advertising"),
        ({"language": "de"}, ConsentError, "language de"),
        ({"sound": "other.wav"}, ConsentError, "not agreed"),
        ({"plate": "other.mkv"}, ConsentError, "other recordings"),
        ({"sound": "missing.wav"}, AudioError, "no sound file"),
        ({"consent": "missing.consent.json"}, ConsentError, "missing"),
        ({"out": "."}, PlateError, "exists already"),
        ({"kind": ".gif"}, PlateError, "gif"),
    ],
)
def test_what_is_not_agreed_or_missing_is_refused_before_anything_is_made(
    order: Order, tmp_path: Path, change: dict[str, Any], error: type[Exception], says: str
) -> None:
    write_sound(tmp_path / "other.wav", np.ones(16_000) * 0.1)
    shutil.copy(order.plate, tmp_path / "other.mkv")
    with (tmp_path / "other.mkv").open("ab") as file:
        file.write(b"x")
    files = {"sound", "plate", "consent", "out"}
    asked = replace(order, **{name: tmp_path / value if name in files else value for name, value in change.items()})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=says):
        revoice(asked)
    assert sorted(tmp_path.iterdir()) == before


def test_a_silent_line_is_refused(order: Order, tmp_path: Path) -> None:
    write_sound(tmp_path / "silent.wav", np.zeros(16_000))
    record = sign(tmp_path, order.plate, tmp_path / "silent.wav")
    with pytest.raises(AudioError, match="silent"):
        revoice(replace(order, sound=tmp_path / "silent.wav", consent=record))
    assert not order.out.exists()


def test_the_command_says_why_it_refuses(order: Order, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["plate", str(order.plate), "--sound", str(order.sound), "--consent", str(order.consent), "--out",
             str(order.out), "--media", "game"]  # fmt: skip
    assert main(given) == 2
    assert "does not allow game" in capsys.readouterr().err


@pytest.fixture
def real(shared: Path, tmp_path: Path) -> Order:
    """A second of one person, given the first second of another's line."""
    pictures = [one for one, _ in zip(film.frames(shared / f"plates/{PLATE}.mpg"), range(30), strict=False)]
    film.write_movie(tmp_path / "anna.mkv", pictures, np.arange(30) / 25)
    voice = film.opened(shared / f"plates/{VOICE}.mpg").sound()
    assert voice is not None
    write_sound(tmp_path / "line.wav", voice.samples[8_000:30_000])
    record = sign(tmp_path, tmp_path / "anna.mkv", tmp_path / "line.wav")
    return Order(tmp_path / "anna.mkv", tmp_path / "line.wav", record, tmp_path / "out", ("cinema",), ("DE",))


@needs_networks
@pytest.mark.parametrize("kind", [".mp4", ".mkv", ".png"])
def test_a_person_says_another_line(real: Order, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = revoice(replace(real, kind=kind))
    report = json.loads(made.report.read_text(encoding="utf-8"))
    assert report["ways"] == made.ways == {"refined": 30, "warped": 0, "original": 0}
    assert any("longer than the plate" in note for note in made.notes)
    mattes = [one[..., 0] for one in film.frames(made.mattes)]
    assert len(mattes) == len(report["boxes"]) == 30
    if kind != ".mp4":
        pairs = zip(film.frames(made.film), film.frames(real.plate), mattes, strict=True)
        assert all((new[matte == 0] == old[matte == 0]).all() for new, old, matte in pairs)
    signed = sorted(made.film.iterdir())[3] if kind == ".png" else made.film
    found = provenance.read(signed)
    assert found.state == "valid"
    assert found.redub["plate"] == report["plate"]["sha256"]
    assert set(found.redub["models"]) == {"drive", "refiner"}
    if kind == ".mp4":
        assert main(["verify", str(made.film), "--record", str(real.consent)]) == 0
        assert "as expected" in capsys.readouterr().out
    assert sorted(path.name for path in real.out.parent.iterdir() if path.name.startswith(".")) == []


@needs_networks
def test_cancelling_leaves_nothing(real: Order) -> None:
    before = sorted(real.out.parent.iterdir())

    def stop(share: float, _what: str) -> None:
        if share > 0.7:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        revoice(real, stop)
    assert [path for path in sorted(real.out.parent.iterdir()) if path.name != "home"] == [
        path for path in before if path.name != "home"
    ]


@needs_networks
def test_a_plate_without_a_face_says_so(order: Order) -> None:
    with pytest.raises(PlateError, match="face is seen"):
        revoice(order)
    assert not order.out.exists()
