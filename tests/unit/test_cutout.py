"""Drawn mouths: the right drawing at the right frame, contacts always, nothing that flashes."""

from pathlib import Path

import numpy as np
import pytest

from model_runtime.acting.articulate import articulate
from model_runtime.contracts import FrameClock, Phone, Speech, Target, frozen_array
from model_runtime.errors import TrackFileError
from model_runtime.rigs.cutout import SHORTEST, drawn, load_drawings

MOUTH = Target("property", "mouth", ("Puppet",), 0.0, 100.0)


def speech(*symbols_and_lengths: tuple[str, float]) -> Speech:
    time, made = 0.0, []
    for symbol, length in symbols_and_lengths:
        made.append(Phone(symbol, time, time + length))
        time += length
    return Speech(tuple(made), time, frozen_array(np.full(int(time * 100), -20.0)))


LINE = speech(("sil", 0.3), ("m", 0.08), ("a", 0.25), ("p", 0.07), ("u", 0.3), ("f", 0.1), ("i", 0.25), ("sil", 0.4))


@pytest.mark.parametrize("drawings", load_drawings().values(), ids=lambda d: d.title)
@pytest.mark.parametrize("fps", [12, 24, 30])
def test_each_sound_shows_its_drawing(drawings, fps: int) -> None:  # type: ignore[no-untyped-def]
    clock = FrameClock(fps, 1.0, 11.0)
    keys = drawn(articulate(LINE), clock, drawings, MOUTH, first=3)
    (track,) = keys.tracks
    assert keys.stepped and (track.co[:, 0] % 1 == 0).all() and (np.diff(track.co[:, 1]) != 0).all()

    def at(seconds: float) -> int:
        return round(track.co[np.searchsorted(track.co[:, 0], round(clock.frame(seconds)), side="right") - 1, 1]) - 3

    assert at(0.0) == drawings.of["sil"] and at(0.5) == drawings.of["aa"] and at(0.85) == drawings.of["U"]
    assert {contact.phone for _, contact in keys.contact_frames} == {"m", "p", "f"}
    for frame, contact in keys.contact_frames:
        assert at(clock.seconds(frame)) == drawings.of["PP" if contact.kind == "closure" else "FF"]


def test_nothing_flashes_but_contacts() -> None:
    line = speech(*[(symbol, 0.045) for symbol in ("a", "s", "i", "t", "o", "k", "e", "n", "u", "l", "b", "a") * 3])
    drawings = load_drawings()["Nine mouths (A B C D E F G H X)"]
    keys = drawn(articulate(line), FrameClock(24), drawings, MOUTH)
    held = {frame for frame, _ in keys.contact_frames}
    (track,) = keys.tracks
    assert track.co[0, 1] == drawings.of["sil"], "what is shown before the line too"
    for frame, after in zip(track.co[1:-1, 0], track.co[2:, 0], strict=True):
        near = set(range(int(frame) - 1, int(after) + 1))
        assert after - frame >= SHORTEST or held & near


def test_damaged_drawings_are_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"schema": "labial-cutout/1", "title": "x", "drawings": ["A"], "visemes": {}}')
    with pytest.raises(TrackFileError, match="odd.json"):
        load_drawings(tmp_path)
