"""``fundusbench predict``: grade photographs with finished runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.cli.output import Table, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.progress import progress_bar
from benchmark.runs.predictions import PROBS
from benchmark.settings.loading import load_params

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from benchmark.evaluation.photographs import Graded
    from benchmark.runs.spec import RunResult

CAUTION = (
    "Saliency (SmoothGrad, Captum) shows what an output is sensitive to, not what was learnt of the disease;\n"
    "a network with random weights can give much the same map (Adebayo et al. 2018)."
)
ENDINGS = (".csv", ".json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", nargs="+", help="photographs (JPEG, PNG, TIFF), folders of them, or globs in quotes")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--run", dest="one", default="", metavar="STAGE/ARM/SEED", help="grade with one run")
    which.add_argument(
        "--arm", default="", metavar="STAGE/ARM", help="grade with every run of an arm; by default of the best on val"
    )
    add_json(parser)
    parser.add_argument(
        "--overlay", type=Path, metavar="FILE", help="draw what sways the grade of the one photograph given: .png"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write all columns there: .csv or .json")


def run(chosen: argparse.Namespace) -> int:
    """Grade, and print or write what came of it.

    Returns:
        1 where a photograph was not graded, for it cannot be read or shows no fundus; else 0.

    Raises:
        InputError: there is no such photograph or run.
    """
    from benchmark.evaluation.photographs import Grader, runs_of

    if chosen.out and chosen.out.suffix.lower() not in ENDINGS:
        msg = f"--out takes a file that ends in {' or '.join(ENDINGS)}, but got {str(chosen.out)!r}: rename it"
        raise InputError(msg)
    if chosen.overlay and chosen.overlay.suffix.lower() != ".png":
        msg = f"--overlay takes a file that ends in .png, but got {str(chosen.overlay)!r}: rename it"
        raise InputError(msg)
    paths = photographs(chosen.image)
    if chosen.overlay and len(paths) != 1:
        msg = f"--overlay draws one photograph, but {len(paths)} are given: name one"
        raise InputError(msg)
    runs = runs_of(load_params(), chosen.arm, chosen.one)
    grader = Grader([result.folder() for result in runs])
    read = (path.read_bytes() for path in paths)
    answers = list(progress_bar(grader.grade(read), total=len(paths), unit=" photographs", leave=False))
    about = graded_by(runs)
    rows = [{"image": str(path), **answer.columns()} for path, answer in zip(paths, answers, strict=True)]
    if chosen.out:
        _write(chosen.out, about, rows)
    if chosen.overlay and not answers[0].remark:
        _draw(chosen.overlay, grader.explain(paths[0].read_bytes()), about, answers[0])
    if chosen.json:
        show_json(_values(about, rows))
    else:
        show(f"by {about['graded_by']}, {about['input']}; {about['limits']}", table(rows), *remarks(rows))
    return int(any(answer.remark for answer in answers))


def photographs(given: Sequence[str]) -> list[Path]:
    """The files that are named, in folders in the order of their names.

    Raises:
        InputError: a name stands for no photograph.
    """
    from benchmark.images.reading import EXTENSIONS

    found: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in EXTENSIONS]
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


def graded_by(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Which runs grade, what they look at, and what a reader must know of them."""
    first = runs[0]
    seeds = ", ".join(str(result.seed) for result in runs)
    eyes = "drawn eyes, so nothing is claimed of real ones" if first.data.synthetic else f"{first.data.train} images"
    return {
        "graded_by": f"{first.method}/{first.arm}, seed{'s' if len(runs) > 1 else ''} {seeds}",
        "input": f"{first.pixels} px, {first.prepared.colour_normalisation}",
        "limits": f"trained on {eyes} ({first.data.name}); no medical device",
        "keys": [result.key for result in runs],
    }


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """For a reader: grade, score and probabilities with their spread over seeds, of what was graded."""
    header = ("image", "grade", "score", *(f"P({grade})" for grade in range(len(PROBS))))
    return Table(header, [_cells(told) for told in rows if not told["remark"]], texts=len(header))


def _cells(told: dict[str, Any]) -> list[str]:
    spreads = [_spread(told[name], told[name.replace("prob", "prob_sd")], 2) for name in PROBS]
    return [told["image"], str(told["grade"]), _spread(told["score"], told["score_sd"], 2), *spreads]


def remarks(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Why what was not graded was not, as one text; none where all was."""
    told = [f"{row['image']}: {row['remark']}" for row in rows if row["remark"]]
    return ["\n".join(told)] if told else []


def _spread(value: float | None, sd: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if sd is None else f"{value:.{digits}f} ± {sd:.{digits}f}"


def _draw(
    path: Path, seen: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]], about: dict[str, Any], answer: Graded
) -> None:
    """The square that the networks see, and the same under what sways them."""
    from matplotlib.figure import Figure

    from benchmark.report.figure_style import save, styled

    with styled():
        figure = Figure(figsize=(7.2, 4.2))
        for axes, shown in zip(figure.subplots(1, 2), ("as the networks see it", "what sways the grade"), strict=True):
            axes.imshow(seen[0])
            axes.set_title(shown, fontsize=9)
            axes.axis("off")
        axes.imshow(seen[1], cmap="inferno", alpha=0.55, vmin=0, vmax=1)
        figure.suptitle(f"grade {answer.grade} by {about['graded_by']}", fontsize=11)
        figure.subplots_adjust(0.03, 0.13, 0.97, 0.86, wspace=0.05)
        figure.text(0.5, 0.02, f"{about['limits']}.\n{CAUTION}", ha="center", fontsize=6)
        save(figure, path)


def _values(about: dict[str, Any], rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {**about, "photographs": list(rows)}


def _write(path: Path, about: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    import pandas as pd

    from benchmark.common.files import write_json, write_text

    if path.suffix.lower() == ".json":
        write_json(path, _values(about, rows))
        return
    frame = pd.DataFrame(rows).assign(graded_by=about["graded_by"])
    frame["grade"] = frame["grade"].astype("Int64")
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
