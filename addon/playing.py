"""A character that plays one line alone, in a scene that is not shown; afterwards all is as it was.

Blender writes evaluated values back to the data-blocks of the shown scene alone, so that here nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from . import keyframes
from .character import Character, objects_of


@contextmanager
def playing(character: Character, action: Any) -> Iterator[bpy.types.Scene]:
    """A scene that is not shown, in which the character plays one line alone; afterwards all is as it was."""
    owners = list(keyframes.owners(character))
    before = [_Played(owner) for owner in owners]
    shown = bpy.context.scene
    scene = bpy.data.scenes.new("Labial bake")
    try:
        scene.render.fps, scene.render.fps_base = shown.render.fps, shown.render.fps_base
        for obj in with_parents(character):
            scene.collection.objects.link(obj)
        scene.view_layers[0].update()
        for owner in owners:
            _play(owner, action)
        yield scene
    finally:
        for played in before:
            played.put_back()
        bpy.data.scenes.remove(scene)
        bpy.context.view_layer.update()
        for played in before:
            played.put_values_back()


def with_parents(character: Character) -> list[bpy.types.Object]:
    """The objects of a character and all above them."""
    own = [*objects_of(character), *([bpy.data.objects[character.armature]] if character.armature else ())]
    found = dict.fromkeys(own)
    for obj in own:
        while obj.parent is not None:
            obj = obj.parent
            found[obj] = None
    return list(found)


def _play(owner: Any, action: Any) -> None:
    data = owner.animation_data or owner.animation_data_create()
    slot = keyframes.played_slot(action, owner)
    data.use_nla = False
    if data.action != action:
        data.action = action if slot else None
    if slot and data.action_slot != slot:
        data.action_slot = slot


class _Played:
    """What a data-block plays, and the values that its animation moves."""

    def __init__(self, owner: Any) -> None:
        data = owner.animation_data
        self._owner, self._had = owner, data is not None
        self._action, self._slot = (data.action, data.action_slot) if data else (None, None)
        self._use_nla = data.use_nla if data else True
        actions = [(self._action, self._slot)] if data else []
        actions += [(s.action, s.action_slot) for t in data.nla_tracks for s in t.strips] if data else []
        curves = [c for action, slot in actions if action and slot for c in keyframes.curves_of(action, slot)]
        self._values = {path: self._value(path) for path in {curve.data_path for curve in curves}}

    def put_back(self) -> None:
        """The Action and the strips as before."""
        data = self._owner.animation_data
        if not self._had:
            self._owner.animation_data_clear()
            return
        if data.action != self._action:
            data.action = self._action
        if self._action is not None and self._slot is not None and data.action_slot != self._slot:
            data.action_slot = self._slot
        data.use_nla = self._use_nla

    def put_values_back(self) -> None:
        """Values that were set by hand over the animation's."""
        for path, value in self._values.items():
            if value is not None and self._value(path) != value:
                holder, _, name = path.rpartition(".")
                if path.endswith("]"):
                    holder, _, name = path.rpartition("[")
                    self._owner.path_resolve(holder)[name.strip('"]')] = value
                else:
                    setattr(self._owner.path_resolve(holder) if holder else self._owner, name, value)

    def _value(self, path: str) -> Any:
        try:
            value = self._owner.path_resolve(path)
        except ValueError:
            return None
        return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value
