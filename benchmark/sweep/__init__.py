"""A search by Optuna over the loss weighting, and what its best is worth on new seeds.

It is a step like the others, so it is a package here and not a script in ``experiments/``, which holds profiles and
published numbers alone. Only the modules that a sweep runs import Optuna; its settings are checked without it.
"""
