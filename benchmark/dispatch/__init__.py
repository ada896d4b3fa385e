"""Training of declared runs as jobs: which runs are trained, where, and in how many processes."""
