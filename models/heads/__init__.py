"""Heads that map pooled features to an output, one file each."""
