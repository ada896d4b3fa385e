"""Rules from outputs to grades, one file each."""
