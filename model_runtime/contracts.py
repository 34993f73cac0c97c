"""The frozen values that pass between the rooms of the runtime.

Times are seconds, arrays are read-only numpy arrays; frames appear only behind `FrameClock`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Scalar = TypeVar("Scalar", bound=np.generic)

SAMPLE_RATE = 16_000
"""Samples a second that the network hears."""
FRAME_RATE = 100
"""Frames a second of `Hearing` and `MouthTrack`."""

VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U",
)  # fmt: skip
"""The Oculus (OVR LipSync) visemes in their index order."""
GESTURES: tuple[str, ...] = ("jaw", "lip_press", "lip_round", "tongue_tip", "tongue_blade", "tongue_back")
CHANNELS: tuple[str, ...] = VISEMES + GESTURES
"""The fixed vocabulary of the mouth track; every rig preset maps exactly these."""

CONTACT_JAW = 0.06
"""Value of the jaw channel during p b m f v: calibration closes the lips at exactly this opening."""

Progress = Callable[[float, str], None]
"""Called with a fraction 0-1 and what is being done; raises `Cancelled` to stop the work."""


@overload
def frozen_array(values: object) -> Float32: ...
@overload
def frozen_array(values: object, dtype: type[Scalar]) -> NDArray[Scalar]: ...
def frozen_array(values: object, dtype: type[np.generic] = np.float32) -> NDArray[np.generic]:
    """A read-only, contiguous copy of `values`."""
    array = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class AudioClip:
    """Mono speech: `samples` float32 [n] in -1..1 at `SAMPLE_RATE`, finite, at least one sample."""

    samples: Float32
    name: str

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True)
class Hearing:
    """What the network hears, frames at `FRAME_RATE`; frame k covers k/100 to (k+1)/100 s.

    phones [t, len(PHONES)] and visemes [t, 15] are posteriors (rows sum to 1), voice [t] is the probability of
    speech, loudness [t] is dBFS of the frame's energy (about -90..0), pitch [t] is Hz, 0 where the vocal folds rest,
    brightness [t] is the level above 2.5 kHz over that below it in dB: high in s, and in a raised voice.
    """

    phones: Float32
    visemes: Float32
    voice: Float32
    loudness: Float32
    pitch: Float32
    brightness: Float32
    duration: float


@dataclass(frozen=True)
class Phone:
    """One recognised or aligned phone. `symbol` is of `phones.PHONES`; acoustic times.

    stress: 0 unstressed, 1 stressed (from the transcript, else from loudness and length).
    confidence: mean posterior of the symbol over the phone, 0-1. strength: how much of its shape and jaw the artist
    wants, 1.0 as acted; contacts are always whole.
    """

    symbol: str
    start: float
    end: float
    stress: float = 0.5
    confidence: float = 1.0
    strength: float = 1.0


@dataclass(frozen=True)
class Word:
    """A word of the transcript and where it was found."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """The phones of a line without gaps from 0 to `duration`, and the voice that the gains come from.

    loudness, pitch and brightness float32 [t] are those of the `Hearing`; the last two may be empty: not known.
    text_fit: share of the transcript's phones that the sound supports, None without transcript.
    """

    phones: tuple[Phone, ...]
    duration: float
    loudness: Float32
    words: tuple[Word, ...] = ()
    text_fit: float | None = None
    pitch: Float32 = field(default_factory=lambda: frozen_array([]))
    brightness: Float32 = field(default_factory=lambda: frozen_array([]))


@dataclass(frozen=True)
class Style:
    """How the mouth acts; see presets/styles. Multipliers are 1.0 for the neutral reading.

    shapes: viseme -> the viseme shown in its place, "" where the lips of its neighbours serve; contacts stay.
    hold_frames: every pose is held for so many frames, stepped; 0 for smooth motion. usual_level: dBFS of the vowels of
    all lines of the character, against which this line is loud or quiet; 0 if that is not known.
    """

    name: str = "Natural"
    intensity: float = 1.0
    jaw: float = 1.0
    lips: float = 1.0
    tongue: float = 1.0
    anticipation: float = 1.0
    smoothness: float = 1.0
    offset_ms: float = 0.0
    breath: float = 1.0
    shapes: Mapping[str, str] = field(default_factory=dict)
    hold_frames: int = 0
    usual_level: float = 0.0


NATURAL = Style()

ContactKind = Literal["closure", "labiodental"]


@dataclass(frozen=True)
class VisemeEvent:
    """One gesture of the mouth. onset <= apex <= hold_end <= release; start and end are the acoustic phone's."""

    viseme: str
    phone: str
    start: float
    end: float
    onset: float
    apex: float
    hold_end: float
    release: float
    strength: float


@dataclass(frozen=True)
class Contact:
    """A moment at which lips must touch (closure: p b m) or the lower lip the teeth (labiodental: f v).

    The contact holds from `start` to `end` (the plateau, motion time); `apex` is its centre.
    """

    kind: ContactKind
    phone: str
    start: float
    end: float

    @property
    def apex(self) -> float:
        """Seconds."""
        return 0.5 * (self.start + self.end)


@dataclass(frozen=True)
class MouthTrack:
    """Mouth motion, independent of any rig: values float32 [frames, len(CHANNELS)] in 0-1 at `FRAME_RATE`.

    Sample k is the mouth at k / FRAME_RATE seconds. The viseme columns sum to at most 1 ("sil" is the rest).
    jaw is the opening of the jaw alone; the viseme columns shape the lips. Times are those of the motion
    (anticipation included), unlike the acoustic times of cues.
    """

    values: Float32
    events: tuple[VisemeEvent, ...]
    contacts: tuple[Contact, ...]
    duration: float
    style: Style = NATURAL

    def channel(self, name: str) -> Float32:
        """One column, float32 [frames]."""
        return self.values[:, CHANNELS.index(name)]


TargetKind = Literal["shape_key", "rotation", "location", "property", "number", "group"]


@dataclass(frozen=True)
class Target:
    """One thing on the character that can be keyed.

    shape_key: `name` is the key's name as spelled on the meshes in `objects` (all meshes that carry it are
    written together); minimum and maximum are its slider range.
    rotation, location: `objects` holds the armature, `name` the pose bone; the value is a turn in radians about, or a
    way in the bone's own units along, the local `axis` (0 x, 1 y, 2 z), times `sign`.
    property: a custom property `name` of the object in `objects`, or of its pose bone `bone`, that drives the mouth;
    its value times `sign`.
    number: a whole number of the object in `objects` that chooses a drawing, by its path `name`.
    group: an expression or a pose called `name` that the character's file declares; `parts` are what is keyed for it
    and the value that each has where the group is 1.
    aliases: the shape keys that drivers give into the hand of this control alone, and for a bone its own name; they are
    whole at value 1.0, where the control has gone as far as `sign` says.
    """

    kind: TargetKind
    name: str
    objects: tuple[str, ...]
    minimum: float = 0.0
    maximum: float = 1.0
    axis: int = 0
    sign: float = 1.0
    bone: str = ""
    aliases: tuple[str, ...] = ()
    parts: tuple[tuple[Target, float], ...] = ()

    @property
    def known_as(self) -> tuple[str, ...]:
        """The names by which a standard may know it; none for a bone that drives no key."""
        return (*self.aliases, self.name) if self.kind in ("shape_key", "property", "group") else self.aliases

    @property
    def is_shape(self) -> bool:
        """Whether it shows a whole shape at 1.0: a key, what drives keys, a group; not a bone that carries the mesh."""
        return bool(self.known_as)


@dataclass(frozen=True)
class RigProbe:
    """The measured character: where its lips are and how each target moves them, in world units.

    Points are the columns of `rest` float32 [points, 3] and `displacement` float32 [targets, points, 3] (the move
    at value 1.0, or per radian for a bone). `upper` and `lower` int32 [slices] index facing points of the two
    inner lip rims from one side to the other; corners and chin are single points. `carried` float32 [targets, 3]
    is how far a point at the chin would go per radian if it hung rigidly on the bone (zero for shape keys): what
    brings a jaw bone that only carries teeth in step with a jaw key. `up` and `forward` are unit vectors of the
    face, float32 [3]; `width` is the distance of the corners at rest. `lip` int32 [places] are places all over the
    middle of the lower lip, `teeth` int32 [places] those of the upper teeth's edge that it can meet in f and v, or of
    the upper lip's rim where there are no teeth.
    """

    targets: tuple[Target, ...]
    rest: Float32
    displacement: Float32
    carried: Float32
    upper: Int32
    lower: Int32
    left_corner: int
    right_corner: int
    chin: int
    up: Float32
    forward: Float32
    width: float
    lip: Int32 = field(default_factory=lambda: frozen_array([], np.int32))
    teeth: Int32 = field(default_factory=lambda: frozen_array([], np.int32))

    def gap(self, weights: Float32) -> float:
        """Largest opening between the middle half of the two rims, as a share of the mouth's width.

        weights: float32 [targets]. Linear in the displacements (exact for shape keys, first order for bones).
        Negative values mean that the lips press into each other.
        """
        moved = self.rest + np.tensordot(weights, self.displacement, axes=1)
        k = len(self.upper)
        middle = slice(k // 4, max(k // 4 + 1, k - k // 4))
        opening = (moved[self.upper[middle]] - moved[self.lower[middle]]) @ self.up
        return float(opening.max() / self.width)


@dataclass(frozen=True)
class RigMap:
    """How the mouth track's channels move the targets; `targets` are those of the probe, in its order.

    weights float32 [len(CHANNELS), targets]: the value of a target is the track's row times this matrix.
    preset: id of the preset it came from; closers int32: indices of the targets that may be used to close the
    lips; tuckers float32 [targets]: how far each may be used to bring the lower lip to the teeth; coverage: one
    sentence for the panel; approximated: the channels that this character cannot show.
    """

    preset: str
    targets: tuple[Target, ...]
    weights: Float32
    closers: Int32
    tuckers: Float32
    coverage: str
    approximated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """What closes these lips, measured on the character.

    closure float32 [targets]: the pose of a closed p b m; labiodental float32 [targets]: the pose of f v.
    rest_gap and closed_gap: lip opening at rest and in `closure`, touch_gap: the way from lower lip to upper teeth in
    `labiodental`, shares of the mouth's width.
    """

    closure: Float32
    labiodental: Float32
    rest_gap: float
    closed_gap: float
    touch_gap: float


@dataclass(frozen=True)
class Curves:
    """Values of every target, float32 [frames, targets] at `FRAME_RATE`, inside each target's range."""

    targets: tuple[Target, ...]
    values: Float32
    contacts: tuple[Contact, ...]


@dataclass(frozen=True)
class FrameClock:
    """The one place where seconds become frames. `start` is the frame of second 0."""

    fps: int = 24
    fps_base: float = 1.0
    start: float = 1.0

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.fps / self.fps_base

    def frame(self, seconds: float) -> float:
        """The (fractional) frame of a time."""
        return self.start + seconds * self.rate

    def seconds(self, frame: float) -> float:
        """The time of a (fractional) frame."""
        return (frame - self.start) / self.rate


@dataclass(frozen=True)
class KeyTrack:
    """Sparse Bezier keys of one target.

    co float32 [keys, 2] (frame, value), handles float32 [keys, 4] (left frame, left value, right frame, right
    value). Frames are whole numbers, rising.
    """

    target: Target
    co: Float32
    handles: Float32


@dataclass(frozen=True)
class KeyTracks:
    """All keys of a line. error: the largest deviation from the curves, in shares of a target's range.

    stepped: every key is held until the next (constant interpolation).
    """

    tracks: tuple[KeyTrack, ...]
    contact_frames: tuple[tuple[int, Contact], ...]
    clock: FrameClock
    error: float
    stepped: bool = False

    @property
    def key_count(self) -> int:
        """Number of keys over all targets."""
        return sum(len(track.co) for track in self.tracks)


@dataclass(frozen=True)
class ContactProof:
    """One contact as measured on the evaluated mesh at `frame`; gap (between the lips, or for f v from the lower lip to
    the upper teeth) is a share of the mouth's width."""

    contact: Contact
    frame: int
    gap: float
    passed: bool
    cause: str = ""


@dataclass(frozen=True)
class Report:
    """What a line became: shown in the panel, in the console and in report.html.

    executor: what ran the network, "onnxruntime" or "NumPy"; text_fit: how well the transcript fits, 0-1, if any.
    """

    name: str
    preset: str
    duration: float
    phone_count: int
    key_count: int
    key_error: float
    proofs: tuple[ContactProof, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    executor: str = ""
    text_fit: float | None = None

    def proven(self, kind: ContactKind) -> tuple[int, int]:
        """On how many frames of a kind of contact the mesh showed it, and of how many."""
        passed = [proof.passed for proof in self.proofs if proof.contact.kind == kind]
        return sum(passed), len(passed)


LIFE: tuple[str, ...] = (
    "blink", "brow_up", "brow_down", "corners_up", "corners_down", "head_nod", "head_turn", "breath",
)  # fmt: skip
"""What moves beside the mouth. 0-1; the head -1 to 1: a nod is positive downwards, a turn to the character's left."""


@dataclass(frozen=True)
class LifeTrack:
    """Life beside the mouth, independent of any rig: values float32 [frames, len(LIFE)] at `FRAME_RATE`.

    As long as the `MouthTrack` of the same line; every channel rests at both ends.
    """

    values: Float32

    def channel(self, name: str) -> Float32:
        """One column, float32 [frames]."""
        return self.values[:, LIFE.index(name)]
