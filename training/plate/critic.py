"""A critic of sync, trained apart from all that makes mouths: which sound belongs to which lips.

    python -m training.plate.critic --plates ../shared/plates --work .cache/plate

Two small networks, one for 0.2 s of mel spectrum and one for five frames of tracked lips and curves, whose outputs are
alike where they belong together; learned by telling the right one among all of a batch (van den Oord et al. 2018). It
learns from s1 without the twelve clips that are measured, and from half of the other speakers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from model_runtime.contracts import SAMPLE_RATE, Float32
from model_runtime.plate import face_points
from model_runtime.plate.face_networks import CURVES
from model_runtime.plate.head import Head
from model_runtime.plate.voice_features import BANDS, mel_spectrum

from .drive import HELD
from .faces import Face, faces

FRAME = SAMPLE_RATE // 25
"""Samples of sound to a frame of film."""
HEARD, SEEN = 20, 5
"""Frames of sound at 100 Hz, and of film at 25 Hz, that are compared."""
MOUTH = [index for index, name in enumerate(CURVES) if name.startswith(("jaw", "mouth"))]
LIPS = [*face_points.INNER_LIPS[::2], *face_points.OUTER_LIPS[::5], face_points.CHIN]
SIZE, STEPS, BATCH, RATE, SHARPNESS = 64, 2_500, 128, 1e-3, 12.0
FARTHEST = 7
"""Frames that a film is shifted by, either way, to find its best place."""
WEIGHTS = Path(__file__).with_name("critic.npz")
Weights = dict[str, Float32]


def seen(landmarks: Float32, curves: Float32) -> Float32:
    """What is looked at [t, f]: lips and chin in head coordinates from their median, and the mouth's curves."""
    points = Head.of(landmarks).to_head(landmarks[:, LIPS])
    return np.concatenate(
        [((points - np.median(points, axis=0)) * 10).reshape(len(points), -1), curves[:, MOUTH]], axis=1
    )


def windows(film: Float32, sound: Float32) -> tuple[Float32, Float32]:
    """Every five frames of a film [n, 5 f] and the sound around their middle [n, 20 bands]."""
    mel = mel_spectrum(sound, 4 * len(film) + HEARD)
    middles = np.arange(SEEN // 2, len(film) - SEEN // 2)
    lips = np.stack([film[k - SEEN // 2 : k + SEEN // 2 + 1].ravel() for k in middles])
    begins = np.maximum(0, 4 * middles + 2 - HEARD // 2)
    return lips, np.stack([mel[begin : begin + HEARD].ravel() for begin in begins])


class Critic(nn.Module):
    """Two towers to unit vectors [n, SIZE]."""

    def __init__(self) -> None:
        super().__init__()
        film = SEEN * (2 * len(LIPS) + len(MOUTH))
        self.film = nn.Sequential(nn.Linear(film, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, SIZE))
        self.sound = nn.Sequential(nn.Linear(HEARD * BANDS, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, SIZE))

    def forward(self, lips: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return F.normalize(self.film(lips)), F.normalize(self.sound(mel))


def train(clips: Sequence[Face]) -> Critic:
    """Negatives are other moments of the same and of other clips, within a fifth of a second left out."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    pairs = [windows(seen(clip.landmarks, clip.curves), clip.sound) for clip in clips]
    critic = Critic()
    optimiser = torch.optim.AdamW(critic.parameters(), RATE, weight_decay=1e-2)
    for _ in range(STEPS):
        chosen = random.integers(0, len(pairs), BATCH)
        at = [int(random.integers(0, len(pairs[k][0]))) for k in chosen]
        lips, mel = (
            torch.from_numpy(np.stack([pairs[k][side][i] for k, i in zip(chosen, at, strict=True)])).float()
            for side in (0, 1)
        )
        one, other = critic(lips + 0.05 * torch.randn_like(lips), mel + 0.2 * torch.randn_like(mel))
        alike = SHARPNESS * one @ other.T
        near = (chosen[:, None] == chosen[None]) & (np.abs(np.subtract.outer(at, at)) < SEEN)
        alike = alike.masked_fill(torch.from_numpy(near & ~np.eye(BATCH, dtype=bool)), -1e4)
        target = torch.arange(BATCH)
        loss = F.cross_entropy(alike, target) + F.cross_entropy(alike.T, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return critic.eval()


class Sync(NamedTuple):
    """offset: frames that the film lags behind its sound; likeness there, -1 to 1; confidence: that over the median."""

    offset: int
    likeness: float
    confidence: float


def load() -> Weights:
    """The critic's weights."""
    with np.load(WEIGHTS) as kept:
        return {name: kept[name].astype(np.float32) for name in kept.files}


def _tower(weights: Weights, name: str, rows: Float32) -> Float32:
    hidden = np.maximum(0, rows @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"])
    result = hidden @ weights[f"{name}.3.weight"].T + weights[f"{name}.3.bias"]
    return result / np.linalg.norm(result, axis=1, keepdims=True)


def alike(weights: Weights, landmarks: Float32, curves: Float32, sound: Float32) -> Float32:
    """How alike a film and a sound are, -1 to 1, where the film lags by -FARTHEST to FARTHEST frames [15].

    landmarks [t, 478, 3] and curves [t, 52] of a film at 25 frames a second, sound [n] at 16 kHz.
    """
    lips, mel = windows(seen(landmarks, curves), sound)
    one, other = _tower(weights, "film", lips), _tower(weights, "sound", mel)
    return np.array([_at(one, other, offset) for offset in range(-FARTHEST, FARTHEST + 1)], np.float32)


def sync(weights: Weights, landmarks: Float32, curves: Float32, sound: Float32) -> Sync:
    """Where a film and a sound are most alike; of what, see `alike`."""
    found = alike(weights, landmarks, curves, sound)
    best = int(found.argmax())
    return Sync(best - FARTHEST, float(found[best]), float(found[best] - np.median(found)))


def _at(one: Float32, other: Float32, offset: int) -> float:
    """Mean likeness of the film's frame k + offset and the sound at k."""
    count = len(one) - abs(offset)
    first, second = max(0, offset), max(0, -offset)
    return float((one[first : first + count] * other[second : second + count]).sum(1).mean())


def stored(critic: Critic) -> Weights:
    """The weights in half precision, as they are kept."""
    return {name: value.numpy().astype(np.float16).astype(np.float32) for name, value in critic.state_dict().items()}


class Judged(NamedTuple):
    """What `judged` counts and means over clips: see there."""

    clips: int
    found: int
    found_shifted: int
    likeness: float
    of_another: float
    confidence: float
    confidence_of_another: float


def judged(weights: Weights, group: Sequence[Face]) -> Judged:
    """Clips that are found within a frame, as they are and with the sound five frames late; likeness where they are.

    of_another: with the sound of the group's next clip.
    """
    pairs = list(zip(group, [*group[1:], group[0]], strict=True))
    own = [alike(weights, clip.landmarks, clip.curves, clip.sound) for clip in group]
    late = [alike(weights, clip.landmarks, clip.curves, np.roll(clip.sound, 5 * FRAME)) for clip in group]
    other = [alike(weights, clip.landmarks, clip.curves, following.sound) for clip, following in pairs]
    return Judged(
        len(group),
        sum(abs(int(one.argmax()) - FARTHEST) <= 1 for one in own),
        sum(abs(int(one.argmax()) - FARTHEST + 5) <= 1 for one in late),
        *(float(np.mean([one[FARTHEST] for one in group])) for group in (own, other)),
        *(float(np.mean([one.max() - np.median(one) for one in group])) for group in (own, other)),
    )


def main() -> None:
    """Trains it, writes it, and measures it on what it has not seen: the other half of the speakers with a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = faces(options.plates, options.work)
    s1, others = ([clip for clip in clips if (clip.speaker == "s1") is known] for known in (True, False))
    held = s1[HELD][:12]
    learned = [clip for clip in s1 if clip not in held]
    begin = time.process_time()
    weights, second = (stored(train([*learned, *others[half::2]])) for half in (0, 1))
    print(f"two critics trained in {time.process_time() - begin:.0f} s of one thread")
    np.savez_compressed(WEIGHTS, **{name: value.astype(np.float16) for name, value in weights.items()})
    for name, found in (
        ("s1, clips held out", judged(weights, held)),
        ("speakers never seen", judged(weights, others[1::2])),
        ("the others, by the second", judged(second, others[::2])),
    ):
        print(
            f"{name}: {found.found} of {found.clips} within a frame, {found.found_shifted} when shifted by five; "
            f"likeness {found.likeness:.2f}, with another sentence {found.of_another:.2f}; "
            f"confidence {found.confidence:.2f}, with another sentence {found.confidence_of_another:.2f}"
        )


if __name__ == "__main__":
    main()
