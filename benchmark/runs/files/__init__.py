"""Labels and predictions in files from any program: columns, outputs and their images."""
