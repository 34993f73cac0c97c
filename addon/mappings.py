"""How the mouth track moves one character: the standard that its names tell, or what its targets do, and its own edits.

The edits are text in the property `labial_mapping` of its armature, or of its face where it has none: a property of
the add-on's own, because library overrides lose new custom properties when the file is saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..model_runtime.contracts import Float32, RigMap
from ..model_runtime.errors import CharacterError, first_of
from ..model_runtime.rigs.detect import Proposal, build_map, follow, rank
from ..model_runtime.rigs.fit import fit_map
from ..model_runtime.rigs.mapping import (
    RigMapping,
    as_text,
    from_text,
    label,
    missing,
    narrowed,
    overlaid,
    rows_of,
    widened,
)
from ..model_runtime.rigs.presets import RigPreset, load_presets, usable_presets
from ..model_runtime.rigs.tongue import with_tongue
from .character import Character
from .measure import Measured, measure, opening_pose
from .search import find_opening
from .tongue_bones import find_tongue

FITTED = "fitted"
"""In the place of a preset's id: mapped by what the targets do."""


@dataclass(frozen=True)
class Detected:
    """A measured character and the map that its names or its targets tell, before its own edits."""

    measured: Measured
    rig_map: RigMap
    preset: RigPreset | None
    joined: tuple[int, ...] = ()
    """Indices of the jaw bones that keep step with keys."""
    tongue: tuple[int, ...] = ()
    """Indices of the tongue bones that joined."""

    @property
    def standard(self) -> str:
        """What a mapping made over it says in `preset`."""
        return self.preset.id if self.preset else FITTED

    def followers(self, mapping: RigMapping) -> dict[int, Float32]:
        """The bones that keep step with the keys that lower the jaw, and how far they turn for each target."""
        if self.preset is None:
            return {}
        keys = (*self.preset.jaw_keys, *mapping.rows.get("jaw", ()))
        preset, probe = replace(self.preset, jaw_keys=keys), self.measured.probe
        return {i: follow(preset, probe, i) for i in self.joined}

    def edited(self, mapping: RigMapping) -> RigMap:
        """The map with the character's own edits."""
        return overlaid(self.rig_map, mapping, self.followers(mapping)) if mapping.rows else self.rig_map

    def found_anew(self, rig_map: RigMap) -> set[int]:
        """The bones of an edited map that need not be in a preset: they are found again as they are here."""
        before, after = self.rig_map.weights, rig_map.weights
        return {*self.joined, *(i for i in self.tongue if (before[:, i] == after[:, i]).all())}

    def rows(self) -> RigMapping:
        """All channels as detected, without the bones that only follow."""
        without = self.followers(RigMapping())
        return RigMapping(rows_of(self.rig_map, without), self.standard)


def detect(character: Character, mapping: RigMapping, view_layer: bpy.types.ViewLayer) -> Detected:
    """Measures a character with all targets that its standard or its mapping names. Raises CharacterError."""
    proposal = standard(character, mapping)
    opening, targets = (
        (opening_pose(proposal), proposal.targets) if proposal else find_opening(character, view_layer)
    )  # fmt: skip
    named, known = {name for row in mapping.rows.values() for name in row}, set(map(label, targets))
    added = [t for t in character.targets if label(t) in named - known]
    measured = measure(character, [*targets, *added], opening, view_layer)
    probe = narrowed(measured.probe, len(targets))
    rig_map = build_map(proposal, probe) if proposal else fit_map(probe)
    bones = [i for i, t in enumerate(targets) if proposal and t.kind == "rotation" and not t.is_shape]
    joined = [i for i in bones if rig_map.weights[:, i].any()]
    tongue = find_tongue(character, measured.lips, view_layer)
    rig_map, whole = with_tongue(widened(rig_map, measured.probe.targets), measured.probe, tongue)
    more = range(len(measured.probe.targets), len(rig_map.targets))
    preset = proposal.preset if proposal else None
    return Detected(replace(measured, probe=whole), rig_map, preset, tuple(joined), tuple(more))


def standard(character: Character, mapping: RigMapping) -> Proposal | None:
    """The standard that a character's mapping was made over, else the best of the user's own, else of those that ship.

    None if its names tell none, or its mapping was made without.
    """
    if mapping.preset == FITTED:
        return None
    found = [*rank(character.targets, usable_presets(own_folder())[0]), *rank(character.targets, load_presets())]
    best = found[0] if found else None
    return next((proposal for proposal in found if proposal.preset.id == mapping.preset), best)


def own_folder() -> Path:
    """Where the user's presets are; it may not exist yet."""
    package = __package__.removesuffix(".addon")
    return Path(bpy.utils.extension_path_user(package, path="rigs"))


def stored(character: Character) -> RigMapping:
    """A character's own edits, none if it has none. Raises TrackFileError if they are damaged."""
    text = next((holder.labial_mapping for holder in _holders(character) if holder.labial_mapping), "")
    if not text:
        return RigMapping()
    return from_text(text, f"of “{character.name}”", "Click Reset in the Mapping panel.")


def store(character: Character, mapping: RigMapping | None) -> None:
    """Keeps a character's own edits with it, or with None forgets them. Raises CharacterError if it is linked."""
    holders = list(_holders(character))
    if holders[0].library is not None:
        raise CharacterError(
            f"“{holders[0].name}” is linked from another file, so its mapping would be lost when this file is saved. "
            "Make a library override of it first."
        )
    for holder in holders:
        if holder.labial_mapping:
            holder.labial_mapping = ""
    if mapping is not None:
        holders[0].labial_mapping = as_text(mapping)


def remarks(mapping: RigMapping, rig_map: RigMap) -> tuple[str, ...]:
    """What of a mapping and of the user's presets cannot be used, a sentence each."""
    faults = usable_presets(own_folder())[1]
    if not (names := missing(mapping, rig_map.targets)):
        return faults
    return (f"The mapping moves {first_of(names)}, which this character does not have or cannot be keyed.", *faults)


def _holders(character: Character) -> Iterator[Any]:
    """What may carry the mapping: the armature, then the meshes, that with most keys first."""
    if character.armature is not None:
        yield bpy.data.objects[character.armature]
    meshes = [bpy.data.objects[name] for name in character.meshes]
    yield from sorted(meshes, key=lambda m: -len(m.data.shape_keys.key_blocks) if m.data.shape_keys else 0)
