"""What holds for all files of a user: the Python that video plates are made in, outside of Blender, and labial-fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import FloatProperty, StringProperty

ID = (__package__ or "").removesuffix(".addon")


class LabialPreferences(bpy.types.AddonPreferences):
    """Where what runs outside of Blender is."""

    bl_idname = ID

    outside_python: StringProperty(
        name="Python for Video Plates", subtype="FILE_PATH",
        description="Of an environment that has the packages for films, and torch for fitting; see docs/plate.md",
    )  # fmt: skip
    fit_folder: StringProperty(name="labial-fit", subtype="DIR_PATH", description="The unpacked folder of labial-fit")
    fit_minutes: FloatProperty(
        name="Minutes", default=20.0, min=1.0, max=240.0, description="Fitting stops after so long at the latest"
    )

    if TYPE_CHECKING:
        outside_python: str
        fit_folder: str
        fit_minutes: float

    def draw(self, _context: bpy.types.Context) -> None:
        """The three of them."""
        self.layout.label(text="Video plates are made outside of Blender")
        for name in ("outside_python", "fit_folder", "fit_minutes"):
            self.layout.prop(self, name)


def preferences(context: bpy.types.Context) -> LabialPreferences:
    """The user's."""
    return cast("LabialPreferences", context.preferences.addons[ID].preferences)
