"""Faces in a picture: MediaPipe's short-range detector on the whole picture, then on turns and parts of it.

The detector sees 128 x 128 pixels: faces below about a fifth of the picture are found in parts of it only, and faces
that lie on their side only after a turn. Constants are those of face_detector_graph.cc.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..contracts import Float32
from .face_networks import FaceNetworks
from .picture_square import Picture, Square, sample

SIZE = 128
LEAST_SCORE = 0.5
OVERLAP = 0.3
"""Boxes whose intersection is more than this share of their union are one face."""
MARGIN = 1.5
"""Side of the square that the landmarks are read in, over that of the face."""
TURNS = (0.0, math.pi / 2, -math.pi / 2, math.pi)


@dataclass(frozen=True)
class Detection:
    """A face: the square around it, upright along the line of the eyes, and the detector's score, 0.5-1."""

    square: Square
    score: float


def _anchors() -> Float32:
    """Centres of the boxes [896, 2] in shares of the picture: 2 on each of 16 x 16 places, 6 on each of 8 x 8."""
    grids = []
    for side, count in ((16, 2), (8, 6)):
        places = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / side
        grids.append(np.stack(np.meshgrid(places, places), -1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(grids)


ANCHORS = _anchors()


def detect(networks: FaceNetworks, picture: Picture) -> list[Detection]:
    """Faces that the detector sees in the whole picture, uint8 [h, w, 3]; the largest first."""
    return _look(networks, picture, _whole(picture))


def search(networks: FaceNetworks, picture: Picture) -> Iterator[Detection]:
    """Faces in the whole picture, in the turn in which the detector is surest of one first; then in parts of it."""
    whole = _whole(picture)
    turned = [Square(whole.x, whole.y, whole.side, angle) for angle in TURNS]
    looks = filter(None, (_look(networks, picture, square) for square in turned))
    for faces in sorted(looks, key=lambda faces: -max(face.score for face in faces)):
        yield from faces
    for part in _parts(picture):
        yield from _look(networks, picture, part)


def _whole(picture: Picture) -> Square:
    height, width = picture.shape[:2]
    return Square(width / 2, height / 2, max(width, height))


def _parts(picture: Picture) -> Iterator[Square]:
    """Squares of half the picture's shorter side, each overlapping the next by half."""
    height, width = picture.shape[:2]
    side = min(height, width) / 2
    columns, rows = (math.ceil((length - side) / (side / 2)) + 1 for length in (width, height))
    for y in np.linspace(side / 2, height - side / 2, rows):
        for x in np.linspace(side / 2, width - side / 2, columns):
            yield Square(float(x), float(y), side)


def _look(networks: FaceNetworks, picture: Picture, square: Square) -> list[Detection]:
    raw, logits = networks.detect(sample(picture, square, SIZE, black=True))
    scores: Float32 = (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)
    kept = scores >= LEAST_SCORE
    boxes: Float32 = raw[kept] / np.float32(SIZE)
    boxes[:, :2] += ANCHORS[kept]
    boxes[:, 4:] += np.tile(ANCHORS[kept], 6)
    faces = [_face(square, box, score) for box, score in _merged(boxes, scores[kept])]
    return sorted(faces, key=lambda face: -face.square.side * face.score)


def _merged(boxes: Float32, scores: Float32) -> Iterator[tuple[Float32, float]]:
    """Weighted non-maximum suppression: boxes [n, 16] (centre, size, key points) of one face become their mean."""
    rest = np.argsort(-scores)
    while len(rest):
        same = _overlap(boxes[rest[0]], boxes[rest]) > OVERLAP
        same[0] = True
        group = rest[same]
        yield np.average(boxes[group], axis=0, weights=scores[group]), float(scores[rest[0]])
        rest = rest[~same]


def _overlap(box: Float32, boxes: Float32) -> Float32:
    """Intersection over union of a box with others [n]."""
    low = np.maximum(box[:2] - box[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(box[:2] + box[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    shared = np.maximum(high - low, 0).prod(1)
    share: Float32 = shared / np.maximum(box[2:4].prod() + boxes[:, 2:4].prod(1) - shared, 1e-9)
    return share


def _face(square: Square, box: Float32, score: float) -> Detection:
    """A box in shares of a square, its first two key points the eyes, to the square of the face in the picture."""
    (x, y), eye, other = square.to_picture(box[[0, 1, 4, 5, 6, 7]].reshape(3, 2))
    angle = math.atan2(other[1] - eye[1], other[0] - eye[0])
    return Detection(Square(float(x), float(y), float(box[2:4].max()) * square.side * MARGIN, angle), score)
