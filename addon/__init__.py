"""The Blender side: thin; the only code that imports bpy."""
