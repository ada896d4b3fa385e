"""From what networks say of eyes to one answer per eye, one file each."""
