"""What each sub-command is typed like: shown by its ``--help``, and tried by a test."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "fetch": ("fundusbench fetch",),
    "check": (
        "fundusbench check",
        "fundusbench check --source csv --root photographs --table labels.csv --param columns.level=grade",
    ),
    "prepare": ("fundusbench prepare",),
    "plan": ("fundusbench plan", "fundusbench plan --no-measure --json"),
    "train": ("fundusbench train", "fundusbench train basenet_mt m2cnn"),
    "evaluate": ("fundusbench evaluate",),
    "transfer": ("fundusbench transfer",),
    "statistics": ("fundusbench statistics",),
    "architecture": ("fundusbench architecture",),
    "saliency": ("fundusbench saliency",),
    "report": ("fundusbench report",),
    "summary": ("fundusbench summary",),
    "keep": ("fundusbench keep experiments/results/mine",),
    "render-docs": ("fundusbench render-docs README.md docs/*.md",),
    "predict": (
        "fundusbench predict photographs --out grades.csv",
        "fundusbench predict eye.jpg --arm m2cnn/large --overlay eye.png",
    ),
    "verify": ("fundusbench verify", "fundusbench verify --against ../other-clone"),
    "score": (
        "fundusbench score predictions.csv --labels labels.csv",
        "fundusbench score predictions.csv --labels labels.csv --compare other.csv --json",
    ),
    "sweep": ("fundusbench sweep", "fundusbench sweep --workers 4"),
    "track": ("fundusbench track",),
    "ui": ("fundusbench ui --port 5001",),
    "doctor": ("fundusbench doctor", "fundusbench doctor --json"),
    "completion": ("fundusbench completion bash > ~/.local/share/bash-completion/completions/fundusbench",),
}
"""Name of a sub-command -> command lines."""

EXIT_CODES = "exit codes: 0 done; 1 done, and found what it was to look for; 2 bad input; 130 stopped by hand"


def epilog(command: str) -> str:
    """The examples of a sub-command, as its help ends."""
    return "\n".join(["examples:", *(f"  {line}" for line in EXAMPLES[command]), "", EXIT_CODES])
