"""Follows the face of a plate: landmarks, curves and quality flags of every frame, smoothed within each shot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32, Progress, frozen_array
from ..errors import PlateError
from . import face_points, quality
from .detect import MARGIN, Detection, detect, search
from .face_networks import CURVES, LANDMARKS, FaceNetworks
from .gate import Permission
from .picture_square import Picture, Square, sample
from .quality import Flag, Seen, Trouble

SIZE = 256
LEAST_PRESENCE = 0.5
"""Below it, the network says that there is no face."""
SECOND_FACE = 0.5
"""Faces of at least this share of the followed one's size are flagged."""
SMOOTHED = 0.12
"""Seconds before and after a frame that its head's position is smoothed over."""


@dataclass(frozen=True)
class FaceTrack:
    """The face in every frame of a plate.

    landmarks float32 [t, 478, 3]: pixels of the plate, the picture's corner being 0, 0, z smaller towards the camera;
    curves float32 [t, 52], 0-1, named by `face_networks.CURVES`; both NaN where there is no face. confidence float32
    [t], 0-1. shots int32 [t]: number of the shot. size: width and height of the plate in pixels.
    """

    landmarks: Float32
    curves: Float32
    confidence: Float32
    shots: npt.NDArray[np.int32]
    flags: tuple[Flag, ...]
    rate: float
    size: tuple[int, int]

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """In which frames there is a face [t]."""
        return np.isfinite(self.landmarks[:, 0, 0])

    def flagged(self, trouble: Trouble) -> list[int]:
        """The frames with a trouble."""
        return [flag.frame for flag in self.flags if flag.trouble is trouble]


class Follower:
    """Finds a face in the first picture that it is given and follows it through the next ones."""

    def __init__(self, networks: FaceNetworks) -> None:
        self._networks = networks
        self._cuts = quality.Cuts()
        self._square: Square | None = None

    def see(self, picture: Picture) -> Seen:
        """What the next picture, uint8 [h, w, 3], shows; after a cut and when the face is lost, it is searched anew."""
        cut = self._cuts.is_cut(picture)
        faces = detect(self._networks, picture)
        if cut:
            self._square = None
        points, presence = self._read(picture, self._square) if self._square else (None, 0.0)
        if points is None:
            points, presence = self._find(picture)
        if points is None:
            self._square = None
            nothing = np.full((LANDMARKS, 3), np.nan, np.float32)
            skin = np.full((len(face_points.AROUND_MOUTH), 3), np.nan, np.float32)
            return Seen(nothing, nothing[: len(CURVES), 0], presence, 0, skin, 0.0, cut)
        self._square = face_points.square_of(points, MARGIN)
        curves, skin = self._networks.curve(points), quality.skin(picture, points)
        others = _others(self._square, faces)
        return Seen(points, curves, presence, others, skin, quality.sharpness(picture, points), cut)

    def _find(self, picture: Picture) -> tuple[Float32 | None, float]:
        """Landmarks of the first face that is one, read again in the square that following it will use."""
        best = 0.0
        for face in search(self._networks, picture):
            points, presence = self._read(picture, face.square)
            if points is not None:
                again, surer = self._read(picture, face_points.square_of(points, MARGIN))
                return (points, presence) if again is None else (again, surer)
            best = max(best, presence)
        return None, best

    def _read(self, picture: Picture, square: Square) -> tuple[Float32 | None, float]:
        """Landmarks [478, 3] in pixels, None if the network sees no face there; and its presence, 0-1."""
        shares, presence = self._networks.landmark(sample(picture, square, SIZE))
        if presence < LEAST_PRESENCE:
            return None, presence
        flat, depth = square.to_picture(shares[:, :2]), shares[:, 2:] * np.float32(square.side)
        return np.concatenate([flat, depth], axis=1), presence


def _others(square: Square, faces: list[Detection]) -> int:
    """How many of the faces are beside the followed one, and not much smaller."""
    near = (
        face.square.side > SECOND_FACE * square.side
        and max(abs(face.square.x - square.x), abs(face.square.y - square.y)) > square.side / 2 / MARGIN
        for face in faces
    )
    return sum(near)


def track(
    pictures: Iterable[Picture], rate: float, permission: Permission, plate: str, networks: FaceNetworks | None = None,
    progress: Progress | None = None, count: int = 0,
) -> FaceTrack:  # fmt: skip
    """Follows the largest face of a plate.

    pictures: uint8 [h, w, 3], upright or not; rate: frames a second. permission: the gate's, for any purpose, given for
    the recording whose hash (`consent.plate_hash`) is `plate`. progress is told the share of `count` frames and may
    raise Cancelled. Raises ConsentError, ModelError if there are no networks, and PlateError if there are no frames.
    """
    permission.check(permission.use.purpose, plate)
    follower = Follower(networks or FaceNetworks.load())
    seen: list[Seen] = []
    size = (0, 0)
    for picture in pictures:
        if progress is not None:
            progress(min(1.0, len(seen) / max(1, count)), "Tracking the face")
        size = (picture.shape[1], picture.shape[0])
        seen.append(follower.see(picture))
    if not seen:
        raise PlateError("The plate has no frames.")
    shots = np.cumsum([one.cut for one in seen])
    points = smoothed(np.stack([one.points for one in seen]), shots, rate)
    curves, presence = np.stack([one.curves for one in seen]), [one.presence for one in seen]
    return FaceTrack(frozen_array(points), frozen_array(curves), frozen_array(presence), frozen_array(shots, np.int32),
                     quality.flags(seen, rate), rate, size)  # fmt: skip


def smoothed(points: Float32, shots: npt.NDArray[np.integer], rate: float) -> Float32:
    """Landmarks [t, 478, 3] with the tremble of the whole head taken out, in each unbroken stretch of a shot.

    The head's position, size and angle come from the points that speech does not move and follow a parabola through
    the frames nearby (Savitzky and Golay 1964), which delays nothing; what lips and jaw do within the head is left as
    it was measured, for a closed p or b lasts two frames.
    """
    found = np.isfinite(points[:, 0, 0])
    starts = np.flatnonzero(np.diff(np.where(found, shots, -1), prepend=-2))
    result = points.copy()
    for first, end in zip(starts, [*starts[1:], len(points)], strict=True):
        if found[first]:
            result[first:end] = _steadied(points[first:end], max(2, round(SMOOTHED * rate)))
    return result


def _steadied(points: Float32, reach: int) -> Float32:
    """One stretch [t, 478, 3]; reach: frames on either side."""
    flat = points[..., 0] + 1j * points[..., 1]
    steady = flat[:, face_points.STEADY]
    shape = steady.mean(0) - steady.mean()
    place = steady.mean(1)
    turn = (steady - place[:, None]) @ shape.conj() / (np.abs(shape) ** 2).sum()
    within = (flat - place[:, None]) / turn[:, None]
    moved = within * _parabolas(turn, reach)[:, None] + _parabolas(place, reach)[:, None]
    return np.stack([moved.real, moved.imag, points[..., 2]], axis=-1).astype(np.float32)


def _parabolas(path: npt.NDArray[np.complexfloating], reach: int) -> npt.NDArray[np.complex128]:
    """Each value of a path [t] on the parabola through the values within reach of it, shorter at the ends."""
    result = np.empty(len(path), np.complex128)
    for at in range(len(path)):
        near = np.arange(max(0, at - reach), min(len(path), at + reach + 1))
        powers = np.vander(near - at, min(3, len(near)), increasing=True)
        result[at] = (np.linalg.pinv(powers)[0]) @ path[near]
    return result
