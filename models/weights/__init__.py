"""Weights that a backbone starts from: where they lie, and whose names their tensors bear."""
