"""A heard line as text: kept with what was made of it, so that it can be shown and edited without the sound."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np

from .contracts import Float32, Phone, Speech, Word, frozen_array
from .errors import TrackFileError

SCHEMA = "labial-speech-data/1"


def as_text(speech: Speech) -> str:
    """The line as JSON, nothing rounded: the same keys come of it. The voice's curves are compressed."""
    data = {
        "schema": SCHEMA,
        "duration": speech.duration,
        "phones": [[p.symbol, p.start, p.end, p.stress, p.confidence, p.strength] for p in speech.phones],
        "words": [[w.text, w.start, w.end] for w in speech.words],
        "text_fit": speech.text_fit,
        "loudness": _packed(speech.loudness),
        "pitch": _packed(speech.pitch),
        "brightness": _packed(speech.brightness),
    }
    return json.dumps(data)


def from_text(text: str) -> Speech:
    """The reverse of `as_text`. Raises TrackFileError on anything else."""
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, this version reads {SCHEMA}")
        return Speech(
            phones=tuple(Phone(*row) for row in data["phones"]),
            duration=float(data["duration"]),
            loudness=_unpacked(data["loudness"]),
            words=tuple(Word(*row) for row in data["words"]),
            text_fit=data["text_fit"],
            pitch=_unpacked(data["pitch"]),
            brightness=_unpacked(data["brightness"]),
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise TrackFileError(f"What was heard cannot be read back: {error}. Generate the line again.") from error


def _packed(values: Float32) -> str:
    return base64.b64encode(zlib.compress(values.astype("<f4").tobytes())).decode("ascii")


def _unpacked(text: str) -> Float32:
    return frozen_array(np.frombuffer(zlib.decompress(base64.b64decode(text)), "<f4"))
