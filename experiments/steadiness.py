"""What a hair changes: scans stored otherwise, shifted, cropped or noisier: python -m experiments steadiness [SCANS].

Each scan runs through detection and identification as it is, and again under small changes that no answer should hang
on: other storages (the affine rounded to 32 bits, as NIfTI files hold it), half a voxel's shift along each axis (read
between the voxels, linearly), one slice less on each side, and noise of 5 HU. Landmarks within 10 mm of one of the
unchanged scan are the same vertebra. renamed: those that bear another level; moved mm: the farthest that one moves;
lost, new: landmarks of one run alone; nats: by how much the log-odds that all names are right move, where doubt below
--sure counts as that. With --output a CSV of every run. SCANS is what measure.py takes; none: the real scans.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.real_cases import VARIABLE, real_folder
from utility_functions.command_line import one_line
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.cases import load_scan
from utility_functions.files.images import read_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.naming_record import in_short
from utility_functions.reporting.tables import text_table

REAL = {
    "verse014": "verse014/sub-verse014_ct.nii.gz",
    "verse008": "verse008/sub-verse008_ct.nii.gz",
    "verse006": "verse006/sub-verse006_ct.nii.gz",
    "example_ct": "totalseg/example_ct.nii.gz",
    "acrin_abdpelvis": "acrin_abdpelvis/ct.nii.gz",
    "cip_ct64": "cip_ct64/ct-64.nrrd",
    "sts_037": "sts_037/ct.nii.gz",
}
"""Real CT scans with their files in the folder of real scans."""
STORAGES = ("RAS", "LPS", "PIR", "IAL", "SRP", "ASL")
SAME_MM = 10.0
NOISE_HU = 5.0
KINDS = ("storage", "shift", "crop", "noise")
HEADER = ("scan", "change", "levels", "error_probability", "renamed", "lost", "new", "moved mm", "nats")


class Change(NamedTuple):
    """A changed scan: the kind of change, which one in words, and the scan."""

    kind: str
    what: str
    volume: Volume


def changes(volume: Volume, kinds: Sequence[str]) -> Iterator[Change]:
    """The scan under every small change of the kinds given."""
    grid = volume.grid
    if "storage" in kinds:
        for axcodes in STORAGES:
            stored = volume.reoriented(axcodes)
            affine = stored.grid.affine.astype(np.float32).astype(np.float64)
            yield Change(
                "storage", axcodes, Volume(np.ascontiguousarray(stored.voxels), Grid(stored.grid.shape, affine))
            )
    if "shift" in kinds:
        for axis, step in enumerate(0.5 * np.eye(3)):
            between = grid.window(step, np.subtract(grid.shape, np.eye(3, dtype=int)[axis]))
            yield Change("shift", f"axis {axis}", resample(volume, between))
    if "crop" in kinds:
        for axis in range(3):
            for first in (1, 0):
                one = np.eye(3, dtype=int)[axis]
                side = "first" if first else "last"
                yield Change("crop", f"axis {axis} {side}", volume.window(first * one, np.subtract(grid.shape, one)))
    if "noise" in kinds:
        for seed in (1, 2):
            noise = np.random.default_rng(seed).normal(0, NOISE_HU, grid.shape)
            voxels = np.rint(np.clip(volume.voxels + noise, -32768, 32767)).astype(np.int16)
            yield Change("noise", f"seed {seed}", volume.with_voxels(voxels))


class Moved(NamedTuple):
    """What a change did to the answer: names told otherwise, landmarks lost and new, the farthest move in mm, nats."""

    renamed: int
    lost: int
    new: int
    most_mm: float
    nats: float


def moved(before: Findings, after: Findings, sure: float) -> Moved:
    """What tells two answers for one scan apart."""
    one, other = before.landmarks or Landmarks.empty(), after.landmarks or Landmarks.empty()
    apart = np.linalg.norm(one.points_mm[:, None] - other.points_mm[None], axis=-1)
    pairs = [(i, int(apart[i].argmin())) for i in range(len(one)) if len(other) and apart[i].min() <= SAME_MM]
    return Moved(
        sum(one.names[i] != other.names[j] for i, j in pairs),
        len(one) - len(pairs),
        len(other) - len({j for _, j in pairs}),
        max((float(apart[i, j]) for i, j in pairs), default=0.0),
        abs(log_odds(before, sure) - log_odds(after, sure)),
    )


def doubt_of(findings: Findings) -> float:
    return 0.0 if findings.naming is None else findings.naming.error_probability


def log_odds(findings: Findings, sure: float) -> float:
    """That all names are right against that some are not, as far as doubt is told."""
    error_probability = float(np.clip(doubt_of(findings), sure, 1 - sure))
    return math.log((1 - error_probability) / error_probability)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m experiments steadiness", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("scans", type=Path, nargs="*", help="what measure.py takes; none: the real scans")
    options.add_argument("--models", type=Path, nargs="+", default=[], help="trained models (.h5); none: those shipped")
    options.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE}, or ../shared/real)")
    options.add_argument("--only", nargs="+", metavar="SCAN", help="only these scans, by name")
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="only these changes")
    options.add_argument("--sure", type=float, default=0.005, help="doubt told as none (default: 0.005)")
    options.add_argument("--output", type=Path, help="CSV of every run; none when not given")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    rows: list[tuple[str, ...]] = []
    try:
        if arguments.scans:
            scans = {case.case_id: case for each in arguments.scans for case in find_cases(each)}
        else:
            scans = {name: real_folder(arguments.real) / path for name, path in REAL.items()}
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
        from learning_functions.predict.pipeline import load_models, run_models

        models = load_models(arguments.models)
        worst: dict[tuple[str, str], list[Moved]] = {}
        for name, scan in scans.items():
            if arguments.only and name not in arguments.only:
                continue
            volume = read_image(scan) if isinstance(scan, Path) else load_scan(scan).volume
            before = run_models(models, volume, name)
            rows.append((name, "as it is", told(before), f"{doubt_of(before):.4f}", *("",) * 5))
            print(*rows[-1], sep="  ", flush=True)
            for kind, what, changed in changes(volume, arguments.kinds):
                after = run_models(models, changed, name)
                found = moved(before, after, arguments.sure)
                worst.setdefault((name, kind), []).append(found)
                figures = (str(found.renamed), str(found.lost), str(found.new), f"{found.most_mm:.3f}")
                rows.append(
                    (name, f"{kind} {what}", told(after), f"{doubt_of(after):.4f}", *figures, f"{found.nats:.2f}")
                )
                print(*rows[-1], sep="  ", flush=True)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    table = [("scan", "change", *HEADER[4:])]
    for (name, kind), found in worst.items():
        counts = (str(sum(each)) for each in zip(*(one[:3] for one in found), strict=True))
        table.append((name, kind, *counts, f"{max(m.most_mm for m in found):.3f}", f"{max(m.nats for m in found):.2f}"))
    print(f"\n{text_table(pd.DataFrame(table[1:], columns=table[0]), left=2)}")
    if arguments.output is not None:
        with written_whole(arguments.output) as path, path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *rows])
    return 0


def told(findings: Findings) -> str:
    return in_short((findings.landmarks or Landmarks.empty()).names)


if __name__ == "__main__":
    sys.exit(main())
