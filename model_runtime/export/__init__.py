"""Mouth motion and cues in the formats of other tools; one file a format."""
