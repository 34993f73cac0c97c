"""A scene of dialogue made by a script: three characters, twenty lines, each in three languages, said by espeak-ng."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import wave
from pathlib import Path

CAST = {"Anna": 72, "Ben": 25, "Cleo": 50}
"""Who speaks, and how high, 0-99."""
LANGUAGES = {"en": "en-us", "de": "de", "fr": "fr-fr"}
LINES = (
    ("Anna", "Where have you been?", "Wo bist du gewesen?", "Tu étais où?"),
    ("Ben", "At my mother's.", "Bei meiner Mutter.", "Chez ma mère."),
    ("Cleo", "All evening?", "Den ganzen Abend?", "Toute la soirée?"),
    ("Ben", "Maybe longer.", "Vielleicht länger.", "Peut-être plus."),
    ("Anna", "Nobody believes that.", "Das glaubt doch niemand.", "Personne n'y croit."),
    ("Cleo", "I do believe him.", "Ich glaube ihm.", "Moi, je le crois."),
    ("Ben", "Thank you, my friend.", "Danke, mein Freund.", "Merci, mon amie."),
    ("Anna", "Give me the paper bag.", "Gib mir die Papiertüte.", "Passe-moi ce paquet."),
    ("Cleo", "It is empty.", "Sie ist leer.", "Il est vide."),
    ("Ben", "Oh. Probably.", "Oh. Vermutlich.", "Oh. Probablement."),
    ("Anna", "Stop!", "Halt!", "Stop!"),
    ("Cleo", "But why?", "Aber warum?", "Mais pourquoi?"),
    ("Ben", "Somebody is up there.", "Da oben ist jemand.", "Il y a quelqu'un en haut."),
    ("Anna", "Come back, both of you.", "Kommt zurück, beide.", "Revenez, vous deux."),
    ("Cleo", "Five more minutes.", "Noch fünf Minuten.", "Encore cinq minutes."),
    ("Ben", "We have to move.", "Wir müssen weg.", "Il faut bouger."),
    ("Anna", "Amen to that.", "Amen dazu.", "Amen."),
    ("Cleo", "Follow me.", "Folgt mir.", "Suivez-moi."),
    ("Anna", "Help!", "Hilfe!", "Au secours!"),
    ("Ben", "Help!", "Hilfe!", "Au secours!"),
)
"""Speaker, English, German, French. The last two are one sound on two characters."""
TOGETHER = {5: 0.5, 11: 0.7, 19: 1.0}
"""Lines that begin while another character speaks: the share of the line before that they overlap."""
APART = 1.1
"""Seconds from line to line."""
BAD = ("l14", "fr")
"""The take whose sound is none."""


def make_sheet(folder: Path, library: Path) -> Path:
    """Sounds and sheet in a folder. library: the folder of the package espeakng_loader."""
    wanted, rows, at = [], ["id,character,sound,text,language,start"], 0.5
    for k, (who, *texts) in enumerate(LINES):
        at = max(0.0, at - APART * TOGETHER.get(k, 0.0))
        for language, text in zip(LANGUAGES, texts, strict=True):
            name = "l18" if k == 19 else f"l{k:02}"
            sound = folder / f"{name}.{language}.wav"
            if not any(path == str(sound) for path, *_ in wanted):
                wanted.append((str(sound), LANGUAGES[language], CAST[who], text))
            rows.append(f'l{k:02},{who},{sound.name},"{text}",{LANGUAGES[language]},{at:.3f}')
        at += APART
    say = [sys.executable, str(Path(__file__)), json.dumps(wanted)]
    subprocess.run(say, env=os.environ | {"PYTHONPATH": str(library.parent)}, check=True)
    (folder / f"{BAD[0]}.{BAD[1]}.wav").write_bytes(b"RIFF, but no sound")
    sheet = folder / "scene.csv"
    sheet.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return sheet


def speak(wanted: list[tuple[str, str, int, str]]) -> None:
    """Says texts into WAV files, in a process of its own: espeak-ng keeps one state for a process."""
    import espeakng_loader

    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = espeak.espeak_Initialize(1, 0, espeakng_loader.get_data_path().encode(), 0)
    said = bytearray()

    def hear(samples: int | None, count: int, _events: int | None) -> int:
        said.extend(ctypes.string_at(samples, 2 * count) if samples else b"")
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(hear)
    espeak.espeak_SetSynthCallback(callback)
    for path, voice, pitch, text in wanted:
        said.clear()
        espeak.espeak_SetVoiceByName(voice.encode())
        espeak.espeak_SetParameter(3, pitch, 0)
        line = text.encode()
        espeak.espeak_Synth(line, len(line) + 1, 0, 1, 0, 1, None, None)
        espeak.espeak_Synchronize()
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes(bytes(said))


if __name__ == "__main__":
    speak(json.loads(sys.argv[1]))
