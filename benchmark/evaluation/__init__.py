"""What finished networks do: their grades on val, test and other data sets, and what they cost."""
