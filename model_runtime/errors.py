"""The family of errors that a user can mend, and how they name things. Anything else that is raised is a bug."""

from __future__ import annotations

from collections.abc import Sequence


class LipSyncError(Exception):
    """A user's mistake or a limit of the input; the text names the thing and the fix."""


class AudioError(LipSyncError):
    """The sound cannot be used: missing, unreadable, empty, silent."""


class ModelError(LipSyncError):
    """The network or its contract file is missing, damaged or of another version."""


class TextError(LipSyncError):
    """A transcript cannot be used: unknown language, missing pronunciation engine."""


class CharacterError(LipSyncError):
    """The selected character cannot be animated: nothing selected, no mouth targets, driven or linked keys."""


class SceneError(LipSyncError):
    """A setting of the scene stands in the way."""


class TrackFileError(LipSyncError):
    """A *.mouth.json or preset file is damaged or of an unknown version."""


class ConsentError(LipSyncError):
    """A performer has not agreed to this, or their record cannot be relied on; the text says which and why."""


class ProvenanceError(LipSyncError):
    """A film or image cannot be signed, marked or read back."""


class PlateError(LipSyncError):
    """A video plate cannot be used: no frames, no face."""


class Cancelled(LipSyncError):
    """The user cancelled; nothing was written."""


def first_of(names: Sequence[str], more: str = "more") -> str:
    """The first four names for a sentence, and how many there are besides."""
    return ", ".join(dict.fromkeys(names[:4])) + (f" and {len(names) - 4} {more}" if len(names) > 4 else "")
