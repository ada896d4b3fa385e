"""Are the tables what the predictions give, here and in another run of the benchmark?"""
