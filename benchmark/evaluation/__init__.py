"""Evaluation of finished runs: grades on val, test and other data sets, saliency maps, and the cost of networks."""
