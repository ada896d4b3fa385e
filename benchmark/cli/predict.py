"""``fundusbench predict``: grade photographs with finished runs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.common.errors import InputError, printable
from benchmark.common.files import write_json, write_text
from benchmark.common.progress import progress_bar
from benchmark.common.units import some
from benchmark.runs.predictions import PROBS
from benchmark.settings.loading import load_params

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmark.runs.spec import TrainedResult

CAUTION = (
    "Saliency (SmoothGrad, Captum) shows the pixels that an output is sensitive to, not knowledge of the disease;\n"
    "a network with random weights can give much the same map (Adebayo et al. 2018)."
)
ENDINGS = {"out": (".csv", ".json"), "submission": (".csv",), "overlay": (".png",)}
"""Endings of the files that each option writes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", nargs="+", help="photographs (JPEG, PNG, TIFF), folders of them, or globs in quotes")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", dest="one", default="", metavar="METHOD/ARM/SEED", help="grade with one run")
    which.add_argument(
        "--folder", type=Path, metavar="DIR", help="grade with the run in this folder, such as one from `export`"
    )
    which.add_argument(
        "--arm", default="", metavar="METHOD/ARM", help="grade with all runs of an arm (default: the best arm on val)"
    )
    add_json(parser)
    parser.add_argument(
        "--overlay", type=Path, metavar="FILE", help="draw a saliency map of the only photograph (.png)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all columns to this file (.csv or .json)")
    parser.add_argument(
        "--submission", type=Path, metavar="FILE", help="write columns image and level to this file, as Kaggle asks for"
    )


def run(args: argparse.Namespace) -> int:
    """Grade photographs; return 1 if one was not graded because it cannot be read or shows no fundus, else 0."""
    from benchmark.evaluation.photographs import Grader, select_runs
    from benchmark.runs.results import read_trained

    _check_endings(args)
    paths = list_photographs(args.image)
    if args.overlay and len(paths) != 1:
        msg = f"--overlay draws one photograph, but {len(paths)} are given: name one"
        raise InputError(msg)
    if args.folder:
        runs, folders = [read_trained(args.folder)], [args.folder]
    else:
        runs = select_runs(load_params(), args.arm, args.one)
        folders = [result.folder() for result in runs]
    grader = Grader(folders)
    unreadable: dict[Path, str] = {}

    def read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            unreadable[path] = f"cannot be read: {error.strerror}"
            return b""

    graded = progress_bar(grader.grade(map(read, paths)), total=len(paths), unit=" photographs")
    about = graded_by(runs)
    rows: list[dict[str, Any]] = [
        {"image": printable(str(path)), **answer, "remark": unreadable.get(path, answer["remark"])}
        for path, answer in zip(paths, graded, strict=True)
    ]
    values = {**about, "photographs": rows}
    if args.out and args.out.suffix.lower() == ".json":
        write_json(args.out, values)
    elif args.out:
        _write_csv(args.out, [row | {"graded_by": about["graded_by"]} for row in rows])
    if args.submission:
        _write_submission(args.submission, rows)
    if args.overlay and rows[0]["runs"]:
        _draw(args.overlay, grader.explain(paths[0].read_bytes()), about, rows[0]["grade"])
    if args.json:
        show_json(values)
    else:
        header = ("image", "grade", "score", *(f"P({grade})" for grade in range(len(PROBS))))
        cells = [_cells(row) for row in rows if row["runs"]]
        remarks = "\n".join(f"{row['image']}: {row['remark']}" for row in rows if row["remark"])
        caption = f"by {about['graded_by']}, {about['input']}; {about['limits']}"
        show(caption, OutputTable(header, cells, texts=len(header)), *([remarks] if remarks else []))
    return int(not all(row["runs"] for row in rows))


def _check_endings(args: argparse.Namespace) -> None:
    """Check the names of the files to write; raises InputError."""
    for option, endings in ENDINGS.items():
        path = getattr(args, option)
        if path and path.suffix.lower() not in endings:
            msg = f"--{option} takes a file that ends in {' or '.join(endings)}, but got {str(path)!r}: rename it"
            raise InputError(msg)


def list_photographs(given: Sequence[str]) -> list[Path]:
    """List the photographs of files, folders and globs; those of a folder are sorted by name.

    Raises InputError if an argument matches no photograph.
    """
    from benchmark.images.reading import EXTENSIONS

    found: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            # macOS puts a file of its own, ._x.jpg, beside x.jpg on foreign disks.
            files = [
                file
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in EXTENSIONS and not file.name.startswith("._") and not file.is_dir()
            ]
        elif path.exists():
            files = [path]
        else:
            anchor = Path(path.anchor)
            files = sorted(file for file in anchor.glob(str(path.relative_to(anchor))) if file.is_file())
        if not files:
            msg = f"an image must be a photograph, a folder that holds some, or a glob, but {name!r} finds none"
            raise InputError(msg)
        found += files
    return list(dict.fromkeys(found))


def graded_by(runs: Sequence[TrainedResult]) -> dict[str, Any]:
    """Describe the runs that grade, their input and their limits."""
    first = runs[0]
    seeds = ", ".join(str(result.seed) for result in runs)
    eyes = "drawn eyes, so nothing is claimed of real ones" if first.data.synthetic else f"{first.data.train} images"
    return {
        "graded_by": f"{first.method}/{first.arm}, seed{'s' if len(runs) > 1 else ''} {seeds}",
        "input": f"{first.pixels} px, {first.prepared.colour_normalisation}, crop {first.prepared.crop:g}",
        "limits": f"trained on {eyes} ({first.data.name}); no medical device",
        "keys": [result.key for result in runs],
    }


def _cells(row: dict[str, Any]) -> list[str]:
    probs = [_with_sd(row[name], row[name.replace("prob", "prob_sd")]) for name in PROBS]
    return [row["image"], str(row["grade"]), _with_sd(row["score"], row["score_sd"]), *probs]


def _with_sd(value: float | None, sd: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if sd is None else f"{value:.2f} ± {sd:.2f}"


def _draw(
    path: Path,
    seen: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]],
    about: dict[str, Any],
    grade: int,
) -> None:
    """Draw the networks' input, and the same under its saliency map."""
    from matplotlib.figure import Figure

    from benchmark.report.figure_style import save_figure, styled

    with styled():
        figure = Figure(figsize=(7.2, 4.2))
        for axes, title in zip(figure.subplots(1, 2), ("input of the networks", "saliency map"), strict=True):
            axes.imshow(seen[0])
            axes.set_title(title, fontsize=9)
            axes.axis("off")
        axes.imshow(seen[1], cmap="inferno", alpha=0.55, vmin=0, vmax=1)
        figure.suptitle(f"grade {grade} by {about['graded_by']}", fontsize=11)
        figure.subplots_adjust(0.03, 0.13, 0.97, 0.86, wspace=0.05)
        figure.text(0.5, 0.02, f"{about['limits']}.\n{CAUTION}", ha="center", fontsize=6)
        save_figure(figure, path)


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pandas as pd

    from benchmark.common.csv_rows import no_formula

    frame = pd.DataFrame(rows, dtype=object)
    frame["image"] = frame["image"].map(no_formula)
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def _write_submission(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the stem of each graded photograph's name and its grade, as the contest's `sampleSubmission.csv`.

    Raises InputError if a photograph was not graded, because a submission must answer all, or two have one name.
    """
    names = [Path(row["image"]).stem for row in rows]
    ungraded = [name for name, row in zip(names, rows, strict=True) if not row["runs"]]
    if ungraded:
        msg = f"a submission must answer every photograph, but {some(ungraded)} cannot be graded: leave them out"
        raise InputError(msg)
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        msg = f"a submission must answer each image once, but {some(repeated)} occurs twice: grade one folder at a time"
        raise InputError(msg)
    _write_csv(path, [{"image": name, "level": row["grade"]} for name, row in zip(names, rows, strict=True)])
