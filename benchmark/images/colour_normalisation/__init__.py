"""What may be done to the colours of a prepared square, one file each."""
