"""The mouth of a consenting actor in a video plate: what was agreed, what was done, and how it is marked."""
