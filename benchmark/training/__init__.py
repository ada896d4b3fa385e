"""Training and prediction: the code that determines a run's numbers."""
