"""The command ``fundusbench``: the stages of the pipeline, and one file for each other sub-command."""
