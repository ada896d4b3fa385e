"""What stands between pooled features and an output, one file each."""
