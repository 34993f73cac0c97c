"""Operators translate: read the request, call, write, report."""
