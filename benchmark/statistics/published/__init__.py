"""Printed numbers, claims on them, and their consistency (``experiments/published``)."""
