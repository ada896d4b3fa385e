"""Pieces of work in an order, on this machine or a cluster, and their progress: no result depends on it."""
