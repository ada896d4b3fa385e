"""Heads, from pooled features to an output, one file each."""
