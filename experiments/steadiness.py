"""Stability of results under small changes of a scan: python -m experiments steadiness [SCANS].

Detection and identification run on each scan, and on changed copies that should give the same result: in other storages
(the affine rounded to 32 bits, as in NIfTI files), shifted by half a voxel along each axis (linear interpolation),
cropped by one slice on each side, and with noise of 5 HU. Landmarks within 10 mm of each other are the same vertebra.
renamed: landmarks with another level. moved mm: the largest displacement. lost, new: landmarks of one run alone. nats:
the change of the log-odds that all names are right, with error probabilities limited to at least --sure. --output
writes a CSV of every run. SCANS is what measure.py takes (default: the real scans).
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
from utility_functions.files.cases import Case, load_scan
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
"""Real CT scans, with their paths in the folder of real scans."""
STORAGES = ("RAS", "LPS", "PIR", "IAL", "SRP", "ASL")
SAME_MM = 10.0
NOISE_HU = 5.0
KINDS = ("storage", "shift", "crop", "noise")
SUMMARY_HEADER = ("scan", "change", "renamed", "lost", "new", "moved mm", "nats")
HEADER = ("scan", "change", "levels", "error_probability", "renamed", "lost", "new", "moved mm", "nats")


class Change(NamedTuple):
    """A changed scan, with the kind of the change and its description."""

    kind: str
    description: str
    volume: Volume


def changes(volume: Volume, kinds: Sequence[str]) -> Iterator[Change]:
    """The scan under every change of these kinds."""
    grid = volume.grid
    if "storage" in kinds:
        for axcodes in STORAGES:
            reoriented = volume.reoriented(axcodes)
            affine = reoriented.grid.affine.astype(np.float32).astype(np.float64)
            yield Change(
                "storage", axcodes, Volume(np.ascontiguousarray(reoriented.voxels), Grid(reoriented.grid.shape, affine))
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


class Effect(NamedTuple):
    """The effect of a change: renamed, lost and new landmarks, the largest displacement in mm, the change in nats."""

    renamed: int
    lost: int
    new: int
    most_mm: float
    nats: float


def effect_of(before: Findings, after: Findings, sure: float) -> Effect:
    """The differences between two results for one scan."""
    one, other = before.landmarks or Landmarks.empty(), after.landmarks or Landmarks.empty()
    apart = np.linalg.norm(one.points_mm[:, None] - other.points_mm[None], axis=-1)
    pairs = [(i, int(apart[i].argmin())) for i in range(len(one)) if len(other) and apart[i].min() <= SAME_MM]
    return Effect(
        sum(one.names[i] != other.names[j] for i, j in pairs),
        len(one) - len(pairs),
        len(other) - len({j for _, j in pairs}),
        max((float(apart[i, j]) for i, j in pairs), default=0.0),
        abs(log_odds(before, sure) - log_odds(after, sure)),
    )


def error_probability_of(findings: Findings) -> float:
    return 0.0 if findings.naming is None else findings.naming.error_probability


def log_odds(findings: Findings, sure: float) -> float:
    """The log-odds that all names are right, with the error probability limited to ``sure`` .. 1 - ``sure``."""
    error_probability = float(np.clip(error_probability_of(findings), sure, 1 - sure))
    return math.log((1 - error_probability) / error_probability)


def summary(effects: Sequence[Effect]) -> tuple[str, ...]:
    """The cells of one scan and kind of change: sums of renamed, lost and new landmarks, and the largest changes."""
    counts = (
        sum(each.renamed for each in effects),
        sum(each.lost for each in effects),
        sum(each.new for each in effects),
    )
    largest_mm, largest_nats = max(each.most_mm for each in effects), max(each.nats for each in effects)
    return (*map(str, counts), f"{largest_mm:.3f}", f"{largest_nats:.2f}")


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m experiments steadiness", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("scans", type=Path, nargs="*", help="scans as measure.py takes them (default: the real scans)")
    options.add_argument(
        "--models", type=Path, nargs="+", default=[], help="trained models (.h5; default: the shipped ones)"
    )
    options.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE}, or ../shared/real)")
    options.add_argument("--only", nargs="+", metavar="SCAN", help="only these scans, by name")
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="only these changes")
    options.add_argument(
        "--sure", type=float, default=0.005, help="smallest error probability that counts (default: 0.005)"
    )
    options.add_argument("--output", type=Path, help="CSV of every run (default: none is written)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    rows: list[tuple[str, ...]] = []
    try:
        scans: dict[str, Case | Path]
        if arguments.scans:
            scans = {case.case_id: case for each in arguments.scans for case in find_cases(each)}
        else:
            scans = {name: real_folder(arguments.real) / path for name, path in REAL.items()}
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
        from learning_functions.predict.pipeline import load_models, run_models

        models = load_models(arguments.models)
        effects: dict[tuple[str, str], list[Effect]] = {}
        for name, scan in scans.items():
            if arguments.only and name not in arguments.only:
                continue
            volume = read_image(scan) if isinstance(scan, Path) else load_scan(scan).volume
            before = run_models(models, volume, name)
            rows.append((name, "unchanged", levels(before), f"{error_probability_of(before):.4f}", *("",) * 5))
            print(*rows[-1], sep="  ", flush=True)
            for kind, description, changed in changes(volume, arguments.kinds):
                after = run_models(models, changed, name)
                found = effect_of(before, after, arguments.sure)
                effects.setdefault((name, kind), []).append(found)
                figures = (str(found.renamed), str(found.lost), str(found.new), f"{found.most_mm:.3f}")
                rows.append(
                    (
                        name,
                        f"{kind} {description}",
                        levels(after),
                        f"{error_probability_of(after):.4f}",
                        *figures,
                        f"{found.nats:.2f}",
                    )
                )
                print(*rows[-1], sep="  ", flush=True)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    table = pd.DataFrame([(*key, *summary(of_kind)) for key, of_kind in effects.items()], columns=SUMMARY_HEADER)
    print(f"\n{text_table(table, left=2)}")
    if arguments.output is not None:
        with written_whole(arguments.output) as path, path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *rows])
    return 0


def levels(findings: Findings) -> str:
    return in_short((findings.landmarks or Landmarks.empty()).names)


if __name__ == "__main__":
    sys.exit(main())
