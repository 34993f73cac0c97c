"""Enable, disable, enable: everything arrives, and nothing is left behind."""

from __future__ import annotations

from types import ModuleType

import addon_utils
import bpy

MODULE = "bl_ext.user_default.labial"


def _traces() -> set[str]:
    """Everything in the running Blender that carries our name or comes from our code."""
    found = {f"operator {name}" for name in dir(bpy.ops.labial)}
    for name in dir(bpy.types):
        kind = getattr(bpy.types, name)
        if "labial" in name.lower() or getattr(kind, "__module__", "").startswith(MODULE):
            found.add(f"type {name}")
        elif rna := getattr(kind, "bl_rna", None):
            found |= {f"property {name}.{item.identifier}" for item in rna.properties if "labial" in item.identifier}
        drawers = getattr(getattr(kind, "draw", None), "_draw_funcs", ())
        found |= {f"drawn in {name}" for drawer in drawers if drawer.__module__.startswith(MODULE)}
    for event in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, event)
        if isinstance(handlers, list):
            found |= {f"handler {event}" for handler in handlers if handler.__module__.startswith(MODULE)}
    for keyconfig in bpy.context.window_manager.keyconfigs:
        for keymap in keyconfig.keymaps:
            found |= {f"key {item.idname}" for item in keymap.keymap_items if item.idname.startswith("labial.")}
    return found


def test_register_unregister_register(labial: ModuleType) -> None:
    enabled = _traces()
    assert any(trace.startswith("operator ") for trace in enabled), "the extension registered no operator"
    assert any(trace.startswith("property Scene.") for trace in enabled), "the extension registered no scene property"

    addon_utils.disable(MODULE)
    try:
        assert _traces() == set(), "disabling the extension left something behind"
    finally:
        again = addon_utils.enable(MODULE)
    assert again is not None, "the extension could not be enabled a second time"
    assert _traces() == enabled


def test_paths_beside_the_file_are_not_painted_red(labial: ModuleType) -> None:
    assert labial
    paths = {
        f"{group.__name__}.{item.identifier}": item.is_path_supports_blend_relative
        for group in bpy.types.PropertyGroup.__subclasses__()
        if group.__module__.startswith(MODULE)
        for item in group.bl_rna.properties
        if getattr(item, "subtype", "") in ("FILE_PATH", "DIR_PATH")
    }
    assert len(paths) > 5
    assert [name for name, allowed in paths.items() if not allowed] == []
