"""The plates of ../shared/plates, followed once and kept: landmarks, curves and sound of every clip.

    python -m training.plate.faces --plates ../shared/plates --work .cache/plate

For training and measuring only, on recordings whose licence allows it (GRID: Cooke, Barker, Cunningham, Shao 2006);
a plate of a user's goes through the gate.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_runtime.contracts import Float32
from model_runtime.plate import film
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.picture_square import Picture
from model_runtime.plate.track import Follower, smoothed

RATE = 25.0
OF_S1 = "bbaf2n"
"""The clip among grid_speakers that is of s1 (GRID's own list, and the shape of the head): no other speaker's."""


@dataclass(frozen=True)
class Face:
    """One clip: its landmarks [t, 478, 3] in pixels, smoothed as the tracker does, curves [t, 52], sound [n] at 16 kHz.

    Sample 0 of the sound is the moment of frame 0.
    """

    path: Path
    landmarks: Float32
    curves: Float32
    sound: Float32

    @property
    def speaker(self) -> str:
        """One name for all clips of a person: s1, or the clip's own, of which the others have one each."""
        return "s1" if self.path.parent.name == "grid_s1" or self.path.stem == OF_S1 else self.path.stem

    def pictures(self) -> npt.NDArray[np.uint8]:
        """The frames [t, h, w, 3]."""
        return np.stack(list(film.frames(self.path)))


def face_of(path: Path, work: Path, networks: FaceNetworks | None = None) -> Face:
    """A clip, from the folder `work` if it was followed before."""
    kept = work / "faces" / f"{path.parent.name}-{path.stem}.npz"
    if not kept.is_file():
        landmarks, curves = followed(film.frames(path), networks or FaceNetworks.load())
        kept.parent.mkdir(parents=True, exist_ok=True)
        scratch = kept.with_suffix(".part.npz")
        np.savez(scratch, landmarks=landmarks, curves=curves, sound=_sound(path))
        scratch.rename(kept)
    with np.load(kept) as values:
        return Face(path, values["landmarks"], values["curves"], values["sound"])


def followed(pictures: Iterable[Picture], networks: FaceNetworks, rate: float = RATE) -> tuple[Float32, Float32]:
    """Landmarks [t, 478, 3], smoothed as the tracker does, and curves [t, 52] of pictures of one shot."""
    follower = Follower(networks)
    seen = [follower.see(picture) for picture in pictures]
    points = smoothed(np.stack([one.points for one in seen]), np.zeros(len(seen), np.int32), rate)
    return points, np.stack([one.curves for one in seen])


def _sound(path: Path) -> Float32:
    clip = film.opened(path).sound()
    if clip is None:
        raise ValueError(f"{path.name} has no sound")
    return clip.samples


def others(plates: Path) -> list[Path]:
    """The clips of the eight speakers who are not s1, one each."""
    return [path for path in sorted(plates.glob("grid_speakers/*.mpg")) if path.stem != OF_S1]


def faces(plates: Path, work: Path) -> list[Face]:
    """The clips of the plates: the eight other speakers, then s1, whose clip among the others comes last."""
    networks = FaceNetworks.load()
    own = [*sorted(plates.glob("grid_s1/*.mpg")), *plates.glob(f"grid_speakers/{OF_S1}.mpg")]
    return [face_of(path, work, networks) for path in [*others(plates), *own]]


def main() -> None:
    """Follows all that is not kept yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    for face in faces(options.plates, options.work):
        print(face.path.name, face.landmarks.shape, len(face.sound), flush=True)


if __name__ == "__main__":
    main()
