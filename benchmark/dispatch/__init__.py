"""From declared runs to jobs: which runs are trained, where, and in how many processes."""
