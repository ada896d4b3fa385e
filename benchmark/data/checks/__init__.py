"""Checks of a data set, one file each."""
