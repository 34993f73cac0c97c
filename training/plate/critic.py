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

from model_runtime.contracts import Float32
from model_runtime.plate import face_points
from model_runtime.plate.face_networks import CURVES
from model_runtime.plate.head import Head
from model_runtime.plate.voice_features import BANDS, mel_spectrum

from .drive import HELD
from .faces import Face, faces

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
    with np.load(WEIGHTS) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def _tower(weights: Weights, name: str, rows: Float32) -> Float32:
    hidden = np.maximum(0, rows @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"])
    result = hidden @ weights[f"{name}.3.weight"].T + weights[f"{name}.3.bias"]
    return result / np.linalg.norm(result, axis=1, keepdims=True)


def sync(weights: Weights, landmarks: Float32, curves: Float32, sound: Float32) -> Sync:
    """landmarks [t, 478, 3] and curves [t, 52] of a film at 25 frames a second, sound [n] at 16 kHz."""
    lips, mel = windows(seen(landmarks, curves), sound)
    one, other = _tower(weights, "film", lips), _tower(weights, "sound", mel)
    alike = np.array([_at(one, other, offset) for offset in range(-FARTHEST, FARTHEST + 1)])
    best = int(alike.argmax())
    return Sync(best - FARTHEST, float(alike[best]), float(alike[best] - np.median(alike)))


def _at(one: Float32, other: Float32, offset: int) -> float:
    """Mean likeness of the film's frame k + offset and the sound at k."""
    count = len(one) - abs(offset)
    first, second = max(0, offset), max(0, -offset)
    return float((one[first : first + count] * other[second : second + count]).sum(1).mean())


def main() -> None:
    """Trains it, measures it on what it has not seen, and writes it beside the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = faces(options.plates, options.work)
    s1, others = ([clip for clip in clips if (clip.speaker == "s1") is known] for known in (True, False))
    held = s1[HELD][:12]
    begin = time.monotonic()
    critic = train([clip for clip in s1 if clip not in held] + others[::2])
    np.savez_compressed(
        WEIGHTS, **{name: value.numpy().astype(np.float16) for name, value in critic.state_dict().items()}
    )
    print(f"trained in {time.monotonic() - begin:.0f} s")
    weights = load()
    for name, group in (("s1, held out", held), ("other speakers, never seen", others[1::2])):
        found = [sync(weights, clip.landmarks, clip.curves, clip.sound) for clip in group]
        late = [sync(weights, clip.landmarks, clip.curves, np.roll(clip.sound, 5 * 640)) for clip in group]
        wrong = [
            sync(weights, a.landmarks, a.curves, b.sound) for a, b in zip(group, group[1:] + group[:1], strict=True)
        ]
        confidence, right, other = (
            np.mean(values)
            for values in (
                [one.confidence for one in found], [one.likeness for one in found], [one.likeness for one in wrong]
            )
        )  # fmt: skip
        print(
            f"{name}: {sum(abs(one.offset) <= 1 for one in found)} of {len(found)} within a frame, "
            f"{sum(abs(one.offset + 5) <= 1 for one in late)} found when shifted by five, likeness {right:.2f}, of the "
            f"wrong sentence {other:.2f}, confidence {confidence:.2f}"
        )


if __name__ == "__main__":
    main()
