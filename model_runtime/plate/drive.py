"""From a line to the lower face of a plate's actor in every frame.

A network that learned from many speakers gives the shape of an average mouth; the plate gives the size, the rest and
the range of this one, and if the plate has a sound of its own, how this actor's mouth goes with it. Then the rules: the
lips meet in p b m, the lower lip comes to the teeth in f v, and in silence the mouth rests.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contracts import FRAME_RATE, VISEMES, Contact, Float32, MouthTrack
from ..errors import ModelError, PlateError
from . import face_points, mask
from .head import Head
from .track import FaceTrack
from .voice_features import Line, features

Float64 = npt.NDArray[np.float64]
SCHEMA = "labial-drive/1"
WEIGHTS = Path(__file__).parent / "weights" / "drive.onnx"
CLOSED_SHARE = 0.2
"""Share of a plate's frames, those least open, whose mean shape is its rest."""
RANGE = (5.0, 95.0)
"""Percentiles of the opening between which a plate's range lies."""
USUAL_RANGE = 0.09
"""That of the speakers it learned from, in distances of the eyes: for plates in which hardly anything is said."""
LEAST_FIT = 100
"""Frames that are needed to learn how this actor's mouth goes with the sound."""
COMPONENTS = 12
STIFF = (0.03, 0.1, 0.3, 1.0, 3.0)
"""How much the fit is held to the network's own answer; the plate decides, on parts that it was not fitted to."""
PARTS = 5
FOUND_WITHIN = 0.05
"""Seconds around a contact's middle in which a frame is chosen to be closed whatever happens: the least open one."""
CLOSEST = 5.0
"""Percentile of the plate's opening that is a closed mouth."""
BITTEN = 0.15
"""Opening in f v, in shares of the plate's range."""
SILENT = 0.5
"""Where the track's rest is above it, nothing is said."""
QUIET = (0.3, 0.5)
"""Between these seconds from anything that is said the mouth goes to rest: before it, breath is drawn."""
UPPER_SHARE = 0.35
"""Of the way between parted lips, what the upper lip goes; the lower lip and the jaw behind it go the rest."""
CHIN_SHARE = 0.5
INNER_UPPER = np.arange(mask.INNER.start + 1, mask.INNER.start + 10)
INNER_LOWER = np.arange(mask.INNER.stop - 1, mask.INNER.stop - 10, -1)
"""The rims of the lips from the right corner to the left, without the corners; point k of one above k of the other."""
OUTER_UPPER = np.arange(mask.OUTER.start + 1, mask.OUTER.start + 10)
OUTER_LOWER = np.arange(mask.OUTER.stop - 1, mask.OUTER.stop - 10, -1)
JAW = [face_points.LOWER.index(point) for point in (149, 176, 148, 152, 377, 400, 378)]


@dataclass(frozen=True)
class Range:
    """An actor's mouth: shape at rest [len(LOWER), 2] in head coordinates; range of the opening and its least value."""

    rest: Float32
    scale: float
    closed: float

    @classmethod
    def of(cls, shapes: Float32) -> Range:
        """From shapes [t, len(LOWER), 2] of the frames that have a face, at least one."""
        gap = opening(shapes)
        rest = shapes[gap <= np.percentile(gap, 100 * CLOSED_SHARE)].mean(0)
        low, high = np.percentile(gap, RANGE)
        return cls(rest, max(float(high - low), USUAL_RANGE / 2), float(np.percentile(gap, CLOSEST)))


@dataclass(frozen=True)
class Driver:
    """The network, loaded, and its hash."""

    session: Any
    sha256: str

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Driver:
        """Raises ModelError naming what is missing, damaged or of another version."""
        try:
            contract = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise ModelError(f"The network that drives plates, {path}, cannot be read ({error}).") from error
        digest = hashlib.sha256(data).hexdigest()
        if contract.get("schema") != SCHEMA or contract.get("sha256") != digest:
            raise ModelError(f"{path} is damaged or of another version than this Labial. Install it again.")
        try:
            import onnxruntime
        except (ImportError, OSError) as error:
            raise ModelError(f"Driving a plate needs onnxruntime, which cannot be loaded: {error}.") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return cls(onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]), digest)

    def shapes(self, line: Line, times: npt.NDArray[np.floating]) -> Float32:
        """The average mouth's offsets from rest [t, len(LOWER), 2], in shares of its range, at times in seconds."""
        found = self.session.run(None, {"features": features(line)[None]})[0][0]
        at = np.clip(times * FRAME_RATE, 0, len(found) - 1)
        first = np.minimum(at.astype(int), max(0, len(found) - 2))
        share = (at - first).astype(np.float32)[:, None, None]
        shapes: Float32 = found[first] + share * (found[np.minimum(first + 1, len(found) - 1)] - found[first])
        return shapes


def drive(
    line: Line, track: FaceTrack, own: Line | None = None, driver: Driver | None = None,
    times: npt.NDArray[np.float64] | None = None,
) -> Float32:  # fmt: skip
    """The lower face that is wanted in every frame of a plate [t, len(LOWER), 2], in head coordinates.

    line: what the mouth shall say, from the plate's first frame on; own: what it says there, if the plate has sound.
    times: seconds of every frame, for a rate that varies; else those of the track's rate.
    After the line's end, and before its first sound, the mouth rests. Raises PlateError if there is no face in the
    plate, and ModelError if the network is missing.
    """
    if not track.found.any():
        raise PlateError("No face is seen in any frame of the plate. Choose a film that shows one from nearer.")
    driver = driver or Driver.load()
    head = Head.of(track.landmarks)
    shapes = head.to_head(track.landmarks[:, list(face_points.LOWER)])[track.found]
    actor = Range.of(shapes)
    times = np.arange(len(track.landmarks)) / track.rate if times is None else times
    offsets = driver.shapes(line, times)
    if own is not None and track.found.sum() >= LEAST_FIT:
        heard = driver.shapes(own, times)[track.found]
        offsets = _fitted(offsets, heard, (shapes - actor.rest) / actor.scale)
    offsets *= (1 - rests(line.mouth, times))[:, None, None]
    wanted = actor.rest + np.float32(actor.scale) * offsets
    return with_contacts(wanted, line.mouth.contacts, times, actor)


def opening(shapes: Float32) -> Float32:
    """Distance of the middles of the lips' inner rims [t], in the units of shapes [t, len(LOWER), 2]."""
    gap: Float32 = np.linalg.norm(shapes[:, INNER_UPPER[4]] - shapes[:, INNER_LOWER[4]], axis=-1)
    return gap


def rests(mouth: MouthTrack, times: npt.NDArray[np.floating]) -> Float32:
    """0-1, how much the mouth rests at times in seconds [t]: in silence, far enough from all that is said."""
    spoken = np.flatnonzero(mouth.values[:, VISEMES.index("sil")] < SILENT) / FRAME_RATE
    if not len(spoken):
        return np.ones(len(times), np.float32)
    after = np.searchsorted(spoken, times)
    away = np.minimum(
        np.abs(times - spoken[np.maximum(after - 1, 0)]), np.abs(times - spoken[np.minimum(after, len(spoken) - 1)])
    )
    share = np.clip((away - QUIET[0]) / (QUIET[1] - QUIET[0]), 0, 1)
    soft: Float32 = (share * share * (3 - 2 * share)).astype(np.float32)
    return soft


def _fitted(wanted: Float32, heard: Float32, real: Float32) -> Float32:
    """The network's offsets as this actor would have them.

    wanted [t, p, 2]: of the new line; heard, real [u, p, 2]: of the plate's own, by the network and as they are. A
    ridge regression of the real ones' principal components on those heard, pulled towards what the network says; how
    strongly is chosen on parts of the plate that were left out, and if nothing is better than the network, it stays.
    """
    flat, truth, asked = (part.reshape(len(part), -1).astype(np.float64) for part in (heard, real, wanted))
    centre = np.concatenate([flat, truth]).mean(0)
    basis = np.linalg.svd(np.concatenate([flat, truth]) - centre, full_matrices=False)[2][:COMPONENTS]
    x, y, new = ((part - centre) @ basis.T for part in (flat, truth, asked))
    parts = np.arange(len(x)) * PARTS // len(x)

    def error(stiff: float | None) -> float:
        total = 0.0
        for part in range(PARTS):
            out = parts == part
            guess = x[out] if stiff is None else x[out] + _correction(x[~out], y[~out], stiff, x[out])
            total += float(((guess - y[out]) ** 2).sum())
        return total

    best = min((None, *STIFF), key=error)
    if best is None:
        return wanted
    moved = _correction(x, y, best, new) @ basis
    fitted: Float32 = (asked + moved).reshape(wanted.shape).astype(np.float32)
    return fitted


def _correction(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], stiff: float, at: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """What to add to components at [t, c], by ridge regression of y - x on x [u, c] with a constant."""
    middle, away = x.mean(0), (y - x).mean(0)
    centred = x - middle
    system = centred.T @ centred + stiff * np.trace(centred.T @ centred) / len(middle) * np.eye(len(middle))
    slope = np.linalg.solve(system, centred.T @ (y - x - away))
    added: Float64 = away + (at - middle) @ slope
    return added


def with_contacts(
    shapes: Float32, contacts: tuple[Contact, ...], times: npt.NDArray[np.floating], actor: Range
) -> Float32:
    """Shapes [t, len(LOWER), 2] whose lips meet in every closure and nearly do in f v, in one frame at least.

    They cross in none, as what the network says of a tight closure may.
    """
    shapes = _parted_by(shapes, np.inf)
    result = shapes.copy()
    for contact in contacts:
        if contact.start > times[-1]:
            continue
        away = np.abs(times - contact.apex)
        near = np.flatnonzero(away <= max(FOUND_WITHIN, away.min()))
        chosen = near[np.lexsort((away[near], opening(shapes[near]).round(4)))[0]]
        held = np.flatnonzero((times >= contact.start) & (times <= contact.end))
        limit = actor.closed if contact.kind == "closure" else actor.closed + BITTEN * actor.scale
        for frame in {int(chosen), *held.tolist()}:
            result[frame] = _parted_by(result[frame], limit)
    return result


def _parted_by(shapes: Float32, limit: float) -> Float32:
    """Shapes [..., len(LOWER), 2] whose lips are parted at most by `limit`, and never cross."""
    shapes = shapes.copy()
    gap = shapes[..., INNER_LOWER, 1] - shapes[..., INNER_UPPER, 1]
    profile = np.sin(np.linspace(0, np.pi, len(INNER_UPPER) + 2))[1:-1].astype(np.float32)
    excess = gap - np.clip(gap, 0, np.float32(limit) * profile)
    shapes[..., INNER_UPPER, 1] += UPPER_SHARE * excess
    shapes[..., OUTER_UPPER, 1] += UPPER_SHARE * excess
    shapes[..., INNER_LOWER, 1] -= (1 - UPPER_SHARE) * excess
    shapes[..., OUTER_LOWER, 1] -= (1 - UPPER_SHARE) * excess
    shapes[..., JAW, 1] -= CHIN_SHARE * (1 - UPPER_SHARE) * np.maximum(0, excess.max(-1, keepdims=True))
    return shapes
