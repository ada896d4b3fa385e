"""Blends of network outputs into one prediction per eye, one file each."""
