"""Sound and text to phones with times: decode, hear, know."""
