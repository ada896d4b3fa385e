"""Small imitations of the real data sets with made-up photographs: their folders, names and tables."""

from __future__ import annotations

import io
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmark.sources.registry import SourceParams, load_source
from tests.conftest import ROOT
from tests.factories.photographs import write_photograph
from tests.factories.workbooks import xlsx


def real_params(source: str, **changed: Any) -> SourceParams:
    """Return the committed profile of a data set with some changes."""
    raw = yaml.safe_load((ROOT / f"experiments/conf/data/{source}.yaml").read_text()) | changed
    return load_source(source).Params.model_validate(raw)


def write_eyepacs(root: Path, train: int = 5, test: int = 6) -> None:
    """Write Kaggle's layout: patients 1 to ``train``, then the test patients, alternately Public and Private."""
    rows = {"train": ["image,level"], "test": ["image,level,Usage"]}
    for patient in range(1, train + test + 1):
        part = "train" if patient <= train else "test"
        for eye in ("left", "right"):
            write_photograph(root / part / f"{patient}_{eye}.jpeg", patient)
            usage = "" if part == "train" else f",{'Public' if patient % 2 else 'Private'}"
            rows[part].append(f"{patient}_{eye},{patient % 5}{usage}")
    (root / "trainLabels.csv").write_text("\n".join(rows["train"]) + "\n")
    (root / "retinopathy_solution.csv").write_text("\n".join(rows["test"]) + "\n")


def write_aptos2019(root: Path, images: int = 20) -> None:
    """Write Kaggle's layout, with a test set without grades."""
    ids = [f"{i:012x}" for i in range(images)]
    for seed, image_id in enumerate(ids):
        write_photograph(root / "train_images" / f"{image_id}.png", seed)
    write_photograph(root / "test_images" / "ffffffffffff.png")
    rows = "".join(f"{image_id},{seed % 5}\n" for seed, image_id in enumerate(ids))
    (root / "train.csv").write_text(f"id_code,diagnosis\n{rows}")
    (root / "test.csv").write_text("id_code\nffffffffffff\n")


def write_idrid(root: Path, train: int = 20, test: int = 6) -> None:
    """Write the layout of the official archive, with its empty columns and rows."""
    folder = root / "B. Disease Grading"
    for part, title, count in (("a", "Training", train), ("b", "Testing", test)):
        table = folder / f"2. Groundtruths/{part}. IDRiD_Disease Grading_{title} Labels.csv"
        table.parent.mkdir(parents=True, exist_ok=True)
        names = [f"IDRiD_{i + 1:03d}" for i in range(count)]
        for seed, name in enumerate(names):
            write_photograph(folder / f"1. Original Images/{part}. {title} Set/{name}.jpg", seed)
        rows = "".join(f"{name} ,{seed % 5},1,,\n" for seed, name in enumerate(names))
        table.write_text(f"Image name,Retinopathy grade,Risk of macular edema ,,\n{rows},,,,\n", encoding="utf-8-sig")


def write_messidor2(root: Path, patients: int = 12) -> None:
    """Write photographs in two formats, one of them ungradable, with the tables of grades and of pairs."""
    pairs, grades = ["left;right"], ["image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable"]
    for patient in range(patients):
        names = [f"20051020_{1000 + 2 * patient + eye}_0100_PP.png" for eye in (0, 1)]
        names = names if patient % 2 else [f"IM{2 * patient + eye:06d}.JPG" for eye in (0, 1)]
        for eye, name in enumerate(names):
            write_photograph(root / "IMAGES" / name, 2 * patient + eye)
            ungradable = patient == eye == 0
            # Some extensions in the table differ from those of the files.
            graded = name.replace(".JPG", ".jpg")
            grades.append(f"{graded},,,0" if ungradable else f"{graded},{patient % 5},0,1")
        pairs.append(";".join(names))
    (root / "messidor-2.csv").write_text("\n".join(pairs) + "\n")
    (root / "messidor_data.csv").write_text("\n".join(grades) + "\n")


def write_deepdrid(root: Path, patients: tuple[int, int, int] = (4, 2, 2)) -> None:
    """Write the layout of the authors' repository, with one ungradable eye in the evaluation set."""
    folder = root / "regular_fundus_images"
    header = "patient_id,image_id,image_path,Overall quality,left_eye_DR_Level,right_eye_DR_Level,patient_DR_Level"
    number = 0
    for name, count in zip(
        ("regular-fundus-training", "regular-fundus-validation", "Online-Challenge1&2-Evaluation"),
        patients,
        strict=True,
    ):
        lines, sheet = [header], [["image_id", "DR_Levels"]]
        for _ in range(count):
            number += 1
            for shot in ("l1", "l2", "r1", "r2"):
                image_id = f"{number}_{shot}"
                write_photograph(folder / name / "Images" / str(number) / f"{image_id}.jpg", number)
                left, right = (number % 5, "") if shot[0] == "l" else ("", (number + 1) % 5)
                path = f"\\{name}\\{number}\\{image_id}.jpg"
                lines.append(f"{number},{image_id},{path},1,{left},{right},4")
                last = number == sum(patients) and shot[0] == "r"
                sheet.append([image_id, 5 if last else left if right == "" else right])
        if name.startswith("regular"):
            (folder / name / f"{name}.csv").write_text("\n".join(lines) + "\n")
        else:
            (folder / name / "Challenge1_labels.xlsx").write_bytes(xlsx(sheet))


def write_ddr(root: Path, images: tuple[int, int, int] = (8, 5, 6)) -> None:
    """Write the folder DR_grading, one image per list ungradable, and another part that repeats a file name."""
    for name, count in zip(("train", "valid", "test"), images, strict=True):
        names = [f"{name[0]}07-{i:04d}-000.jpg" for i in range(count)]
        for seed, image in enumerate(names):
            write_photograph(root / "DR_grading" / name / image, seed)
        write_photograph(root / "lesion_segmentation" / name / "image" / names[0])
        rows = [f"{image} {5 if seed == 5 else seed % 5}" for seed, image in enumerate(names)]
        (root / "DR_grading" / f"{name}.txt").write_text("\n".join(rows) + "\n")


def write_retinamnist(root: Path, size: int = 28, images: int = 5) -> None:
    """Write MedMNIST's file of arrays."""
    generator = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = generator.integers(0, 256, (images, size, size, 3), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(images, dtype=np.uint8) % 5)[:, None]
    root.mkdir(parents=True, exist_ok=True)
    np.savez(root / f"retinamnist{'' if size == 28 else f'_{size}'}.npz", **arrays)


WRITE: dict[str, Callable[[Path], None]] = {
    "aptos2019": write_aptos2019,
    "ddr": write_ddr,
    "deepdrid": write_deepdrid,
    "eyepacs": write_eyepacs,
    "idrid": write_idrid,
    "messidor2": write_messidor2,
    "retinamnist": write_retinamnist,
}
"""Each data set with the function that writes its imitation into a folder."""


class FakeApi:
    """A replacement of Kaggle's client that lists files and writes them to the given path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.authenticate = lambda: None
        self.fault: Exception | None = None

    def competition_list_files(self, competition: str, page_size: int) -> object:
        if self.fault:
            raise self.fault
        return types.SimpleNamespace(files=[types.SimpleNamespace(name=name) for name in self.files])

    def competition_download_file(self, competition: str, file_name: str, path: str, quiet: bool) -> None:
        Path(path, file_name).write_bytes(self.files[file_name])

    def competition_download_files(self, competition: str, path: str, quiet: bool) -> None:
        if self.fault:
            raise self.fault
        Path(path).mkdir(parents=True, exist_ok=True)
        Path(path, f"{competition}.zip").write_bytes(self.files["all"])


def zipped(folder: Path, prefix: str = "") -> bytes:
    """Return a zip archive of a folder's files below ``prefix``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{prefix}{path.relative_to(folder).as_posix()}")
    return stream.getvalue()
