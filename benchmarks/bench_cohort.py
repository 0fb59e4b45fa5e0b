"""A cohort of eight scans, overlapped against one by one: the next is read and the last is written while one runs.

Lumbar phantoms are brought onto as many voxels as clinical scans have, and written as NIfTI with their centroids. The
shipped models are loaded once. Both ways take turns in one process, and must write the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from learning_functions.runtime.tensorflow_setup import start_tensorflow

SCANS = 8
SHAPE = (384, 384, 320)
FLOOR = 1.25
STAMPED = (".png", ".nii.gz", "_centroids.json", ".mrk.json")
"""The ends of files without times."""


def write_cohort(folder: Path, scans: int, shape: tuple[int, int, int]) -> None:
    """Lumbar phantoms at 2 mm, brought onto ``shape`` voxels, with VerSe's centroid files."""
    from utility_functions.files.annotations import write_verse_json
    from utility_functions.files.images import write_image
    from utility_functions.geometry.grid import Grid
    from utility_functions.geometry.resampling import resample
    from utility_functions.phantom.scanner import make_phantom

    for number in range(scans):
        made = make_phantom(np.random.default_rng(number), f"scan{number}", "lumbar", 2.0, "RAS")
        grid = made.volume.grid
        spacing = np.array(grid.shape) / shape  # the same field of view in more voxels
        affine = grid.affine @ np.diag([*spacing, 1.0])
        affine[:3, 3] = grid.to_mm(np.asarray((spacing - 1) / 2))
        fine = Grid(shape, affine)
        write_image(resample(made.volume, fine), folder / f"scan{number}.nii.gz")
        write_verse_json(made.landmarks, folder / f"scan{number}_centroids.json", fine)


def hashes(folder: Path) -> dict[str, str]:
    """Of every file that holds no times."""
    paths = [path for path in sorted(folder.iterdir()) if path.name.endswith(STAMPED)]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often both ways take turns (default: 3)")
    parser.add_argument("--memory-gb", type=float, default=4.0)
    arguments = parser.parse_args(argv)
    start_tensorflow()
    from learning_functions.measure.device_models import device_models
    from learning_functions.measure.fleet import DeviceFleet
    from learning_functions.measure.measuring import devices_of, measure_plan
    from learning_functions.measure.plan import Plan
    from learning_functions.options import InferenceOptions
    from utility_functions.files.manifest import find_cases

    with tempfile.TemporaryDirectory() as made:
        scans = Path(made) / "scans"
        scans.mkdir()
        write_cohort(scans, SCANS, SHAPE)
        cases = find_cases(scans)
        plan = Plan((), InferenceOptions(memory_gb=arguments.memory_gb, device="cpu"))
        devices = [device_models(plan, cases, device) for device in devices_of(plan, cases)]

        def seconds(overlap: bool, some: int = SCANS) -> float:
            started = time.perf_counter()
            fleet = DeviceFleet(devices, overlap)
            measure_plan(plan, cases[:some], Path(made) / str(overlap), lambda told: None, fleet=fleet)
            return time.perf_counter() - started

        seconds(True, 1)  # traces the networks
        ratios = []
        for _ in range(arguments.rounds):
            alone, together = seconds(False), seconds(True)
            ratios.append(alone / together)
            print(f"  one by one {alone:.1f} s, overlapped {together:.1f} s, {ratios[-1]:.2f}x", flush=True)
        same = hashes(Path(made) / "True") == hashes(Path(made) / "False")
        print(
            f"a cohort of {SCANS} scans of {' x '.join(map(str, SHAPE))} voxels, overlapped: "
            f"{statistics.median(ratios):.2f}x one by one (floor {FLOOR}x), files {'the same' if same else 'DIFFER'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
