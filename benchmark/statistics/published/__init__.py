"""What was printed: numbers, claims and their consistency (``experiments/published``)."""
