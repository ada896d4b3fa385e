"""The command ``fundusbench``: one file per sub-command that is no step of the pipeline."""
