"""A run: what determines it, what came of it, what it took, and where each is kept."""
