"""Labial: lip sync for Blender characters.

The root of the extension. It imports nothing at module level, so that plain Python, pytest and type checkers can read
the checkout without Blender.
"""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from .addon import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from .addon import registration

    registration.unregister()
