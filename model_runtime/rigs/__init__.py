"""Mouth track to the targets of one character, and to few keys. Pure; the character arrives as a `RigProbe`."""
