"""Many lines, and what they became."""
