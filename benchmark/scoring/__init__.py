"""From outputs to grades, and from grades to measures."""
