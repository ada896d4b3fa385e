"""Colour normalisations of prepared squares, one file each."""
