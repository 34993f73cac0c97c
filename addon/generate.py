"""A line from request to proven keys: what the operator, the command line and the tests call."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import bpy

from ..model_runtime import pipeline
from ..model_runtime.contracts import (
    AudioClip,
    Calibration,
    ContactProof,
    KeyTracks,
    Progress,
    Report,
    RigMap,
    Speech,
)  # fmt: skip
from ..model_runtime.errors import CharacterError, SceneError, first_of
from ..model_runtime.hearing import network
from ..model_runtime.rigs.calibrate import calibrate, correct
from ..model_runtime.rigs.channels import keyed
from ..model_runtime.rigs.presets import RigPreset
from ..model_runtime.speech_data import as_text
from . import keyframes, mappings, placement
from .body_bones import find_bones
from .character import Character, find_character, require_there
from .measure import Measured
from .profile import fitted_to
from .proof import held_keys, prove
from .request import LipSyncRequest, decode, request_of
from .touched import Kept

FITS = 0.5
"""Share of a transcript's phones that must be heard, or the user is told."""
ROUNDS = 2
"""How often closures that the mesh shows open are strengthened."""
CONTACTS = "contacts"
"""In the mark of an Action: [frame, kind, second at which the contact begins] of every frame that must show one."""
CUT = "cut"
"""In the mark of an Action: the seconds of its sound file that are skipped, and that are used (0: all)."""

_OPEN = {"closure": "Lips stay open", "labiodental": "The lower lip misses the teeth"}


@dataclass(frozen=True)
class Prepared:
    """A request with its character measured; nothing in it points into Blender."""

    request: LipSyncRequest
    scene: str
    character: Character
    measured: Measured
    rig_map: RigMap
    calibration: Calibration
    liveliness: pipeline.Liveliness | None

    def lively(self) -> pipeline.Liveliness | None:
        """What moves beside the mouth in this line: every line has a seed of its own."""
        return self.liveliness and replace(self.liveliness, seed=zlib.crc32(self.request.sound.name.encode()))


@dataclass(frozen=True)
class Result:
    """What was made: the report for people, the values for programs, the Action's name."""

    report: Report
    performance: pipeline.Performance
    action: str


def generate(context: bpy.types.Context, request: LipSyncRequest, progress: Progress | None = None) -> Result:
    """Makes a line in one go. Raises LipSyncError and leaves the scene as it was."""
    prepared = prepare(context, request)
    started = time.perf_counter()
    performance = perform(prepared, progress)
    return deliver(context, prepared, performance, time.perf_counter() - started)


def again(context: bpy.types.Context, action: bpy.types.Action, speech: Speech) -> Result:
    """Makes a line of the selected character anew from what was heard, as edited. Raises LipSyncError."""
    prepared = prepare(context, request_of(action, context))
    request = prepared.request
    performance = pipeline.act(
        speech, prepared.rig_map, prepared.calibration, request.clock, request.style, request.tolerance,
        prepared.lively(),
    )  # fmt: skip
    return deliver(context, prepared, performance)


def prepare(context: bpy.types.Context, request: LipSyncRequest) -> Prepared:
    """Main thread: finds and measures the character."""
    selected = bpy.data.objects.get(request.character) if request.character else None
    character = find_character(selected, context.view_layer)
    request = fitted_to(request, character)
    measured, rig_map, preset = mapped(character, context.view_layer)
    remarks = mappings.remarks(mappings.stored(character), rig_map)
    character = replace(character, warnings=character.warnings + remarks + measured.remarks)
    return Prepared(
        request, context.scene.name, character, measured, rig_map, calibrate(measured.probe, rig_map),
        _liveliness(request, character, measured, preset, context),
    )  # fmt: skip


def mapped(character: Character, view_layer: bpy.types.ViewLayer) -> tuple[Measured, RigMap, RigPreset | None]:
    """The measured character with the standard that its names tell, or by what its targets do; with its own edits."""
    mapping = mappings.stored(character)
    detected = mappings.detect(character, mapping, view_layer)
    return detected.measured, detected.edited(mapping), detected.preset


def _liveliness(
    request: LipSyncRequest, character: Character, measured: Measured, preset: RigPreset | None,
    context: bpy.types.Context,
) -> pipeline.Liveliness | None:  # fmt: skip
    """What moves beside the mouth, if the request wants it."""
    if request.life is None:
        return None
    life = request.life
    bones = find_bones(character, measured, context.view_layer, head=life.head > 0.0, chest=life.chest > 0.0)
    return pipeline.Liveliness(life, preset, character.targets, bones)


def perform(prepared: Prepared, progress: Progress | None = None) -> pipeline.Performance:
    """Any thread: hears, acts, fits and thins. Raises Cancelled if `progress` does."""
    request = prepared.request
    clip: AudioClip = decode(request.sound)
    return pipeline.generate(
        clip,
        prepared.rig_map,
        prepared.calibration,
        request.clock,
        request.style,
        transcript=request.transcript or None,
        language=request.language,
        tolerance=request.tolerance,
        liveliness=prepared.lively(),
        progress=progress,
    )


@placement.lifts
def deliver(
    context: bpy.types.Context, prepared: Prepared, performance: pipeline.Performance, seconds: float = 0.0, *,
    as_strip: bool = False,
) -> Result:  # fmt: skip
    """Main thread: writes the keys and proves them on the mesh. as_strip: even a first line plays from the NLA."""
    request, started = prepared.request, time.perf_counter()
    if context.scene.name != prepared.scene:
        raise SceneError(f"The line was begun in the scene “{prepared.scene}”. Go back to it and make the line again.")
    require_there(prepared.character)
    if not performance.keys.tracks:
        raise CharacterError(
            f"The sound {request.sound.name} moves nothing on this character: no speech was heard in it."
        )
    contacts = [[frame, contact.kind, contact.start] for frame, contact in performance.keys.contact_frames]
    cut = [request.sound.skip, request.sound.length or 0.0]
    origin = made_from(request, prepared.rig_map.preset, performance.speech)
    origin |= {CONTACTS: json.dumps(contacts), CUT: cut}
    written = keyframes.write(prepared.character, performance.keys, request.sound.name, origin, as_strip=as_strip)
    keys, proofs = _proven(context, prepared, performance.keys, written.action)
    held = _not_moving(_of_mouth(keys, prepared.rig_map), context.scene)
    keyframes.finish(written.action, written.kept, keys)
    if written.kept:
        proofs = prove(prepared.measured, keys, context.scene, context.view_layer)
    fit = performance.speech.text_fit
    notes = _yours(written.kept) + _left_open(proofs) + held + _misfit(fit)
    report = Report(
        name=request.sound.name,
        preset=prepared.rig_map.preset,
        duration=performance.speech.duration,
        phone_count=len(performance.speech.phones),
        key_count=keys.key_count,
        key_error=keys.error,
        proofs=proofs,
        seconds={"hear and act": round(seconds, 2), "write and prove": round(time.perf_counter() - started, 2)},
        warnings=prepared.character.warnings + written.warnings + notes,
        executor=network.shared().executor,
        text_fit=fit,
    )
    return Result(report, performance, written.action)


def _of_mouth(keys: KeyTracks, rig_map: RigMap) -> KeyTracks:
    places = {(target.kind, target.objects, target.name) for target in keyed(rig_map.targets)}
    tracks = [t for t in keys.tracks if (t.target.kind, t.target.objects, t.target.name) in places]
    return replace(keys, tracks=tuple(tracks))


def _left_open(proofs: Sequence[ContactProof]) -> tuple[str, ...]:
    """One sentence a cause, with the frames at which lips stay open, or off the teeth, because of it."""
    frames: dict[tuple[str, str], list[str]] = {}
    for proof in proofs:
        if not proof.passed:
            frames.setdefault((_OPEN[proof.contact.kind], proof.cause), []).append(str(proof.frame))
    return tuple(f"{what} at frame {first_of(at)}: {cause}." for (what, cause), at in frames.items())


def made_from(request: LipSyncRequest, preset: str, speech: Speech) -> dict[str, Any]:
    """What is kept with an Action: enough to make it again, and to show and edit what was heard."""
    return {
        "sound": request.sound.path,
        "style": request.style.name,
        "acting": json.dumps(asdict(request.style)),
        "life": json.dumps(request.life and asdict(request.life)),
        "preset": preset,
        "start": request.clock.start,
        "tolerance": request.tolerance,
        "transcript": request.transcript,
        "language": request.language,
        "speech": as_text(speech),
    }


def _yours(kept: Sequence[Kept]) -> tuple[str, ...]:
    """What was not made again because the artist had changed it."""
    if not kept:
        return ()
    names = "; ".join(one.title for one in kept[:3]) + (f"; {len(kept) - 3} more curves" if len(kept) > 3 else "")
    return (f"{sum(len(one.spans) for one in kept)} keys that you changed were kept: {names}.",)


def _not_moving(keys: KeyTracks, scene: bpy.types.Scene) -> tuple[str, ...]:
    held = held_keys(keys, scene)
    return (f"The line does not move the mouth as it should: {held}.",) if held else ()


def _misfit(fit: float | None) -> tuple[str, ...]:
    if fit is None or fit >= FITS:
        return ()
    return (f"The transcript fits only {fit:.0%} of what is heard: check that these words are spoken.",)


def _proven(
    context: bpy.types.Context, prepared: Prepared, keys: KeyTracks, action: str
) -> tuple[KeyTracks, tuple[ContactProof, ...]]:
    """Measures every closure and strengthens those that stay open, at most `ROUNDS` times."""
    proofs = prove(prepared.measured, keys, context.scene, context.view_layer)
    for _ in range(ROUNDS):
        if all(p.passed for p in proofs if p.contact.kind == "closure"):
            break
        keys = correct(keys, proofs, prepared.measured.probe, prepared.rig_map)
        keyframes.fill_again(action, keys)
        proofs = prove(prepared.measured, keys, context.scene, context.view_layer)
    return keys, proofs
