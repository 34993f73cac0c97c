"""Materials of the sample head: plain colours that read alike in Workbench, EEVEE, Cycles and glTF."""

from __future__ import annotations

import bpy

COLOURS = {
    "Labial Skin": ((0.90, 0.54, 0.38), 0.5),
    "Labial Lips": ((0.75, 0.25, 0.22), 0.35),
    "Labial Mouth": ((0.24, 0.045, 0.05), 0.6),
    "Labial Brows": ((0.10, 0.045, 0.03), 0.7),
    "Labial Teeth": ((0.90, 0.86, 0.76), 0.25),
    "Labial Gums": ((0.62, 0.20, 0.20), 0.4),
    "Labial Tongue": ((0.72, 0.25, 0.26), 0.4),
    "Labial Eye White": ((0.93, 0.92, 0.89), 0.15),
    "Labial Iris Rim": ((0.03, 0.10, 0.14), 0.8),
    "Labial Iris": ((0.12, 0.32, 0.38), 0.8),
    "Labial Pupil": ((0.005, 0.005, 0.006), 0.7),
    "Labial Glint": ((1.0, 1.0, 1.0), 0.1),
    "Labial Hair": ((0.19, 0.07, 0.032), 0.5),
    "Labial Collar": ((0.06, 0.24, 0.28), 0.8),
}
"""Linear base colour and roughness by material name."""


def material(name: str) -> bpy.types.Material:
    """A new material, or the one that an earlier head left in the file."""
    found: bpy.types.Material | None = bpy.data.materials.get(name)
    if found is not None:
        return found
    colour, roughness = COLOURS[name]
    made = bpy.data.materials.new(name)
    made.diffuse_color = (*colour, 1.0)
    made.roughness = roughness
    made.metallic = (
        1.0 if name in ("Labial Iris Rim", "Labial Iris", "Labial Pupil") else 0.0
    )  # Workbench: no grey sheen on the gaze
    if made.node_tree is None:  # 5.2 makes the nodes by itself
        made.use_nodes = True
    shader = next(node for node in made.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    if name == "Labial Glint":
        shader.inputs["Emission Color"].default_value = (*colour, 1.0)
        shader.inputs["Emission Strength"].default_value = 1.0
    return made
