"""Whisper's states, the probe over them, and how what it hears becomes targets: on a few real sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model_runtime.phones import PHONES, SILENCE
from training import teacher, whisper
from training.corpora import SAMPLE_RATE, audio, utterances, write
from training.features import HOP
from training.labels import align
from training.scenes import Material, Scenes, targets, taught_path

NAME = "kokoro-en"
"""A made corpus: here of recorded sentences."""


@pytest.fixture(scope="module")
def made(shared: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with sixteen sentences, aligned and heard by Whisper."""
    folder = tmp_path_factory.mktemp("taught")
    rows = [row for row in utterances(shared, work, "kathleen") if row.end - row.start < 3 * SAMPLE_RATE][:16]
    samples = audio(shared, work, "kathleen")
    spoken = [
        ({"id": row.id, "lang": row.language, "spk": "k", "text": row.text}, np.asarray(samples[row.start : row.end]))
        for row in rows
    ]
    write(folder, NAME, 0, spoken)
    align(folder, folder, [NAME], processes=1)
    whisper.listen(folder, folder, [NAME])
    return folder


def test_windows_of_a_long_sound_join(shared: Path, work: Path, tmp_path: Path) -> None:
    """Around the seam at 29 s they are nearest to those of a sound that begins at 20 s, not to the one before or after.

    They are never the same: Whisper's states tell where in their window they are.
    """
    encoder = whisper.Encoder(tmp_path)
    sound = audio(shared, work, "kathleen")[: 36 * SAMPLE_RATE]
    whole, later = (encoder.states(part).astype(np.float32) for part in (sound, sound[20 * SAMPLE_RATE :]))
    assert whole.shape == (1800, whisper.WIDTH) and np.isfinite(whole).all()
    rows = np.arange(1_425, 1_750)
    off = [float(np.square(whole[rows + by] - later[rows - 1_000]).mean()) for by in (-1, 0, 1)]
    assert off[1] < 0.9 * min(off[0], off[2])


def test_states_lie_at_the_frames_of_the_utterance() -> None:
    """The states of a ramp are the ramp: frame k of an utterance is centred 5 ms after its start."""
    times = ((np.arange(100) + 0.5) * whisper.HOP)[:, None] * np.ones(whisper.WIDTH)
    ramp = (times / SAMPLE_RATE).astype(np.float16)
    start = 4_321
    found = teacher.states_at(ramp, start, 20)[:, 0]
    np.testing.assert_allclose(found, (start + (np.arange(20) + 0.5) * HOP) / SAMPLE_RATE, atol=2e-3)


def test_each_sentence_is_heard_by_the_probe_that_has_not_learned_it(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "BATCH", 4)
    monkeypatch.setattr(teacher, "SECONDS", 2.0)
    paths = [teacher.fit(made, made, [NAME], which, steps=40) for which in range(teacher.FOLDS)]
    probes = [teacher.load_probe(path) for path in paths]
    teacher.teach(made, made, [NAME], processes=1)
    material, shown = Material(made, made, [NAME], validation=False), teacher.Shown(made, made)
    right: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for row, labels in material.spoken[NAME]:
        heard = [teacher.heard(probe, shown(row)) for probe in probes]
        kept = material.taught(row)
        assert kept is not None and len(kept) == (row.end - row.start) // HOP
        np.testing.assert_allclose(kept, heard[teacher.fold(row)], atol=2e-3)
        truth = targets(list(labels.segments()), len(kept)).argmax(1)
        for which, posteriors in enumerate(heard):
            right[which != teacher.fold(row)].append(torch.tensor(posteriors).argmax(1) == truth)
    learned, unknown = (float(torch.cat(right[which]).float().mean()) for which in (True, False))
    assert learned > 0.6 > unknown > 0.1  # a dozen sentences teach little about others


def test_a_share_of_the_targets_is_what_the_teacher_hears(made: Path) -> None:
    material = Material(made, made, [NAME], validation=False)
    silence = PHONES.index(SILENCE)
    heard = np.zeros((len(next(iter(material.samples.values()))) // HOP + 1, len(PHONES)), np.float16)
    heard[:, PHONES.index("m")] = 1.0
    material.heard = dict.fromkeys(material.samples, heard)
    scenes, batches = Scenes(material, seed=0), []
    for scenes.taught in (0.0, 0.5, 1.0):
        batches.append(scenes.batch(3, range(4)).phones)
    known = batches[2][:, :, PHONES.index("m")] > 0.999
    assert known.float().mean() > 0.9 * (batches[0][:, :, silence] < 0.9).float().mean() > 0.1
    assert torch.equal(batches[2][~known], batches[0][~known])
    assert torch.allclose(batches[1], 0.5 * (batches[0] + batches[2]), atol=1e-5)
    material.heard = {}
    assert torch.equal(scenes.batch(3, range(4)).phones, batches[0])


def test_damaged_parts_of_the_model_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="do not fit together"):
        whisper.Encoder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_heard_file_is_not_heard_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "Encoder", None)
    whisper.listen(made, made, [NAME])
    assert not list(made.rglob("*.part")) and taught_path(made, f"{NAME}-000").parent.name == "taught"
