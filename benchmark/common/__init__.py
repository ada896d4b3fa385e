"""What every package may use, and which uses none of them."""
