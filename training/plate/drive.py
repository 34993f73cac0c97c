"""Trains the network that drives plates: what is known of a line to the shape of the speaker's lower face.

    python -m training.plate.drive --plates ../shared/plates --work .cache/plate [--evaluate]

Learns from all clips of GRID but twelve of s1, which `--evaluate` and the benchmark measure on. `--evaluate` also
trains four more networks, each of which never saw two of the eight other speakers, and measures them on those.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import NATURAL, AudioClip, Float32, frozen_array
from model_runtime.hearing import network
from model_runtime.plate import drive, face_points, retrieve
from model_runtime.plate.drive import INNER_LOWER, INNER_UPPER, SCHEMA, WEIGHTS, Driver, Range
from model_runtime.plate.head import Head
from model_runtime.plate.track import FaceTrack
from model_runtime.plate.voice_features import CHANNELS, MOUTH, Line, features

from .faces import RATE, Face, faces

WIDTH, DILATIONS, DROPPED = 96, (1, 2, 4, 8), 0.2
COMPONENTS = 20
STEPS, BATCH, PEAK = 1_500, 16, 2e-3
MEMBERS = 2
"""Networks whose mean is the answer."""
DEAF = 0.3
"""Share of examples whose sound is not told: some lines are only a mouth track."""
HELD = slice(10, None, 6)
"""Of the clips of s1 in order: the twelve that nothing of `drive` or of the fitted refiner is learned from."""
FOLDS = 4
SOURCE = (
    "GRID audiovisual sentence corpus (Cooke, Barker, Cunningham, Shao 2006; doi:10.5281/zenodo.3625687, CC BY 4.0): "
    "77 clips of nine speakers"
)


@dataclass(frozen=True)
class Example:
    """A clip: what is known of its line [frames at 100 Hz, CHANNELS] and the offsets of its face [t, p, 2]."""

    face: Face
    line: Line
    rows: Float32
    offsets: Float32


def line_of(face: Face) -> Line:
    """What Labial hears and how it would act it."""
    clip = AudioClip(frozen_array(face.sound), face.path.name)
    return Line(articulate(pipeline.listen(clip), NATURAL), clip, network.shared().hear(clip))


def lower(landmarks: Float32) -> Float32:
    """The lower face of landmarks [t, 478, 3] in head coordinates [t, len(LOWER), 2]."""
    return Head.of(landmarks).to_head(landmarks[:, list(face_points.LOWER)])


def examples(all_faces: Sequence[Face]) -> list[Example]:
    """Every clip with its offsets from its speaker's rest, in shares of the speaker's range."""
    shapes = [lower(face.landmarks) for face in all_faces]
    scales: dict[str, float] = {}
    for speaker in {face.speaker for face in all_faces}:
        own = [Range.of(shape).scale for face, shape in zip(all_faces, shapes, strict=True) if face.speaker == speaker]
        scales[speaker] = float(np.median(own))
    made = []
    for face, shape in zip(all_faces, shapes, strict=True):
        line = line_of(face)
        made.append(Example(face, line, features(line), (shape - Range.of(shape).rest) / scales[face.speaker]))
    return made


def held(clips: Sequence[Example]) -> tuple[list[Example], list[Example], list[Example]]:
    """Clips of s1 that are learned from, the twelve that are not, and those of the other speakers."""
    s1 = [clip for clip in clips if clip.face.speaker == "s1"]
    kept = s1[HELD][:12]
    return [one for one in s1 if one not in kept], kept, [clip for clip in clips if clip.face.speaker != "s1"]


class Network(nn.Module):
    """features [b, frames, CHANNELS] to offsets [b, frames, p, 2]: dilated convolutions, then principal components."""

    def __init__(self, mean: Tensor, basis: Tensor) -> None:
        super().__init__()
        self.enter = nn.Conv1d(CHANNELS, WIDTH, 5, padding=2)
        self.layers = nn.ModuleList([nn.Conv1d(WIDTH, WIDTH, 5, padding=2 * d, dilation=d) for d in DILATIONS])
        self.leave = nn.Conv1d(WIDTH, COMPONENTS, 1)
        self.drop = nn.Dropout(DROPPED)
        self.register_buffer("mean", mean)
        self.register_buffer("basis", basis)

    def components(self, rows: Tensor) -> Tensor:
        """[b, frames, COMPONENTS]."""
        x = F.leaky_relu(self.enter(rows.transpose(1, 2)), 0.1)
        for layer in self.layers:
            x = x + F.leaky_relu(layer(self.drop(x)), 0.1)
        return self.leave(self.drop(x)).transpose(1, 2)

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        return (self.components(rows) @ self.basis + self.mean).unflatten(-1, (-1, 2))


class Mean(nn.Module):
    """The mean of several."""

    def __init__(self, members: Sequence[Network]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, rows: Tensor) -> Tensor:
        """See `Network`."""
        return torch.stack([member(rows) for member in self.members]).mean(0)


def _measures(offsets: Tensor) -> Tensor:
    """Opening, width and the lips' thickness, to first order, [..., 4] of offsets [..., p, 2]."""
    upper, under = INNER_UPPER[4], INNER_LOWER[4]
    return torch.stack(
        [
            offsets[..., under, 1] - offsets[..., upper, 1],
            offsets[..., 10, 0] - offsets[..., 0, 0],
            offsets[..., upper, 1] - offsets[..., 5, 1],
            offsets[..., 15, 1] - offsets[..., under, 1],
        ],
        dim=-1,
    )


def train(clips: Sequence[Example], seed: int, steps: int = STEPS) -> Network:
    """One network from some clips; each speaker is drawn by the root of the number of their clips."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    flat = np.concatenate([clip.offsets.reshape(len(clip.offsets), -1) for clip in clips])
    mean = flat.mean(0)
    basis = np.linalg.svd(flat[::3] - mean, full_matrices=False)[2][:COMPONENTS].astype(np.float32)
    net = Network(torch.from_numpy(mean), torch.from_numpy(basis))
    wanted = [torch.from_numpy(clip.offsets) for clip in clips]
    unit = float(((flat - mean) @ basis[0]).std()) / 2
    speakers: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        speakers.setdefault(clip.face.speaker, []).append(index)
    share = np.sqrt([len(indices) for indices in speakers.values()])
    groups = list(speakers.values())
    optimiser = torch.optim.AdamW(net.parameters(), PEAK, weight_decay=1e-2)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = PEAK * min(1, (step + 1) / 50) * float(0.51 + 0.49 * np.cos(np.pi * step / steps))
        chosen = [int(random.choice(groups[random.choice(len(groups), p=share / share.sum())])) for _ in range(BATCH)]
        count = min(len(wanted[index]) for index in chosen)
        rows = torch.from_numpy(np.stack([_varied(clips[index].rows, 4 * count, random) for index in chosen]))
        truth = torch.stack([wanted[index][:count] for index in chosen])
        found = net.components(rows)[:, ::4]
        target = (truth.flatten(2) - net.mean) @ net.basis.T
        loss = F.smooth_l1_loss(found / unit, target / unit, beta=0.5)
        shapes = (found @ net.basis + net.mean).unflatten(-1, (-1, 2))
        loss = loss + F.smooth_l1_loss(4 * _measures(shapes), 4 * _measures(truth), beta=0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def _varied(rows: Float32, count: int, random: np.random.Generator) -> Float32:
    """Rows moved by up to 10 ms, each channel a bit stronger or weaker, with noise; some without the sound."""
    first = int(random.integers(-1, 2))
    rows = rows[np.clip(np.arange(first, first + count), 0, len(rows) - 1)]
    rows = rows * np.exp(random.normal(0, 0.1, (1, CHANNELS))) + random.normal(0, 0.02, rows.shape)
    if random.random() < DEAF:
        rows[:, MOUTH:] = 0
    return rows.astype(np.float32)


def export(members: Sequence[Network], path: Path) -> None:
    """Writes their mean as .onnx with its contract beside it; fails unless onnxruntime gives what torch gives."""
    whole, rows = Mean(members).eval(), torch.rand(1, 77, CHANNELS)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part.onnx")
    torch.onnx.export(whole, (rows,), str(scratch), input_names=["features"], output_names=["offsets"],
                      opset_version=17,
                      dynamic_axes={"features": {1: "frames"}, "offsets": {1: "frames"}}, dynamo=False)  # fmt: skip
    session = onnxruntime.InferenceSession(str(scratch), providers=["CPUExecutionProvider"])
    more = torch.rand(1, 301, CHANNELS)
    worst = np.abs(session.run(None, {"features": more.numpy()})[0] - whole(more).detach().numpy()).max()
    if worst > 1e-3:
        raise SystemExit(f"the exported network differs by {worst} from the trained one")
    scratch.replace(path)
    contract = {"schema": SCHEMA, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "source": SOURCE}
    path.with_suffix(".json").write_text(json.dumps(contract, indent=2) + "\n", encoding="utf-8")


def agreement(clips: Sequence[Example], driver: Driver, deaf: bool = False, fit: bool = False) -> Float32:
    """Correlation of opening and of width [2] with the real footage, mean over clips.

    deaf: from the mouth track alone. fit: each clip is its own plate as well, to see what the fit to a plate can bring;
    only for looking at the fit, for the clip is then not held out.
    """
    found = []
    for clip in clips:
        count = len(clip.face.landmarks)
        track = FaceTrack(
            clip.face.landmarks, clip.face.curves, np.ones(count), np.zeros(count, np.int32), (), RATE, (0, 0)
        )
        line = Line(clip.line.mouth) if deaf else clip.line
        shapes = drive.drive(line, track, clip.line if fit else None, driver)
        pairs = (retrieve.mouth_measures(shapes), retrieve.mouth_measures(lower(clip.face.landmarks)))
        found.append([np.corrcoef(pairs[0][:, k], pairs[1][:, k])[0, 1] for k in (0, 1)])
    return np.mean(found, axis=0)


def unseen(clips: Sequence[Example], work: Path) -> Float32:
    """Agreement on speakers that the network never saw, s1 kept in training; trains what is not kept in `work`."""
    learned, _, others = held(clips)
    speakers, found = sorted({clip.face.speaker for clip in others}), []
    for fold in range(FOLDS):
        out = set(speakers[fold::FOLDS])
        path = work / "drive" / f"without-{'-'.join(sorted(out))}.onnx"
        if not path.is_file():
            kept = [clip for clip in others if clip.face.speaker not in out]
            export([train([*learned, *kept], seed=0)], path)
        tested = [clip for clip in others if clip.face.speaker in out]
        found += [agreement([clip], Driver.load(path)) for clip in tested]
    return np.mean(found, axis=0)


def main() -> None:
    """Trains and writes the network, or measures it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--evaluate", action="store_true", help="measure the network instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = examples(faces(options.plates, options.work))
    learned, kept, others = held(clips)
    begin = time.monotonic()
    if not options.evaluate:
        export([train([*learned, *others], seed) for seed in range(MEMBERS)], options.out)
        print(f"trained in {time.monotonic() - begin:.0f} s")
    driver = Driver.load(options.out)
    print("opening and width against real footage, correlation:")
    for name, deaf in (("with the sound", False), ("from the mouth track alone", True)):
        print(f"  speaker known, clip held out, {name}: {np.round(agreement(kept, driver, deaf), 3)}")
    if options.evaluate:
        print(f"  speaker never seen: {np.round(unseen(clips, options.work), 3)}")


if __name__ == "__main__":
    main()
