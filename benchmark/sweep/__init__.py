"""Hyperparameter search with Optuna over the loss weighting, and the retraining of its winner on new seeds."""
