"""Weights that a trunk starts from: where they lie, and whose names their tensors bear."""
