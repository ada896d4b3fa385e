"""From packs to predictions: what determines a run, and nothing else."""
