"""Preparation of a data set: checks, manifest, packs of square images."""
