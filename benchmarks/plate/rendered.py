"""An experiment: the refiner of video plates on the mouth of a rendered character, on or off.

    python -m benchmarks.plate.rendered

after `build.py demo`, writes to out/plate/rendered. The film of the sample head is what is "painted": nothing is
retrieved or bent, the network alone says what to change. It takes no other film, and is no part of the product.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model_runtime.contracts import Float32
from model_runtime.plate import detail, film, mask, retrieve
from model_runtime.plate.coarse import Coarse
from model_runtime.plate.crop import Crop
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.refine import SIZE, Refiner
from training.plate.faces import followed

from . import measures, viewing

ROOT = Path(__file__).resolve().parents[2]
DEMO, OUT = ROOT / "out/demo.mp4", ROOT / "out/plate/rendered"


def as_painted(picture: Float32, lower: Float32) -> Coarse:
    """A rendered square [n, n, 3] with its own points [len(LOWER), 2], as if it had been painted."""
    size = len(picture)
    outer, inner = (mask.ring(lower[part], size) for part in (mask.OUTER, mask.INNER))
    between = picture * (outer > 0)[..., None]
    return Coarse(picture, between, mask.face_mask(lower, lower, size), outer, inner, detail.sharpness(picture, outer))


def main() -> None:
    """Writes the refined film and a sheet of mouths, above as rendered, below refined; prints what has changed."""
    if not DEMO.is_file():
        raise SystemExit("out/demo.mp4 is not here: run `python3 build.py demo` first")
    OUT.mkdir(parents=True, exist_ok=True)
    opened, networks, refiner = film.opened(DEMO), FaceNetworks.load(threads=1), Refiner.load()
    pictures = list(opened.pictures())
    landmarks, _ = followed(pictures, networks, opened.rate)
    if lost := np.flatnonzero(~np.isfinite(landmarks).all((1, 2))).tolist():
        raise SystemExit(f"no face is seen in frame {lost[0]} and {len(lost) - 1} others")
    crop = Crop.around(landmarks, SIZE)
    cuts = [crop.cut(picture, frame) for frame, picture in enumerate(pictures)]
    painted = [as_painted(cut, crop.lower[frame]) for frame, cut in enumerate(cuts)]
    squares = [refiner.refine(one) for one in painted]
    frames = zip(pictures, squares, painted, strict=True)
    new = [crop.paste(picture, k, square, one.face)[0] for k, (picture, square, one) in enumerate(frames)]
    film.write_movie(OUT / "refined.mp4", iter(new), opened.times, None)
    viewing.sheet(OUT / "sheet.png", [np.stack(pictures), np.stack(new)], landmarks)
    again = Crop.around(followed(new, networks, opened.rate)[0], SIZE)
    before, after = (retrieve.mouth_measures(one.lower)[:, 0] for one in (crop, again))
    pairs = zip(squares, painted, strict=True)
    changes = [np.abs(square - one.picture)[one.outer > 0.5].mean() for square, one in pairs]
    print(f"{len(new)} frames; lips change by {np.mean(changes):.1f} levels on average")
    print(f"opening before and after: correlation {measures.correlation(before, after):.3f}, "
          f"least {before.min():.2f} and {after.min():.2f} px of {SIZE}")  # fmt: skip


if __name__ == "__main__":
    main()
