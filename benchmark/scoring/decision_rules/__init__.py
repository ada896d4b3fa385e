"""Decision rules from outputs to grades, one per file."""
