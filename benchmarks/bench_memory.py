"""Peak memory of measure.py on a large scan, with the shipped models, against a ceiling.

The scan is a whole-spine phantom resampled to 512 x 512 x 600 voxels (315 MB as int16) and written as NIfTI. measure.py
runs in its own process, whose peak memory is reported.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from learning_functions.model_files.pretrained import SHIPPED
from utility_functions.files.images import write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.phantom.scanner import make_phantom

SHAPE = (512, 512, 600)
CEILING_GB = 6.0
WITH_MASKS = ("detection", "identification", "instances")
HERE = Path(__file__).resolve().parent.parent


def large_scan(folder: Path) -> Path:
    """Writes a phantom of 2 mm voxels, resampled to SHAPE; returns the folder."""
    scan = make_phantom(np.random.default_rng(7), "large", "whole", 2.0, "RAS")
    grid = scan.volume.grid
    spacing = np.array(grid.shape) / SHAPE  # the same field of view in more voxels
    affine = grid.affine @ np.diag([*spacing, 1.0])
    affine[:3, 3] = grid.to_mm(np.asarray((spacing - 1) / 2))
    fine = Grid(SHAPE, affine)
    write_image(resample(scan.volume, fine), folder / "large_ct.nii.gz")
    return folder


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scan = large_scan(Path(folder)) / "large_ct.nii.gz"
        for title, names in (("shipped models", ()), ("with masks", WITH_MASKS)):
            started = time.perf_counter()
            models = [str(SHIPPED / f"{name}.h5") for name in names]
            command = [
                sys.executable,
                str(HERE / "measure.py"),
                str(scan),
                *models,
                "--output",
                f"{folder}/{len(models)}",
            ]
            subprocess.run(command, check=True, capture_output=True)
            seconds = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9  # the largest so far
            print(
                f"measure.py, {' x '.join(map(str, SHAPE))} voxels, {title}: peak {peak:.2f} GB "
                f"(ceiling {CEILING_GB:g} GB), {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
