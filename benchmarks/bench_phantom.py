"""Phantoms on one core: a lumbar scan at 1 mm and whole spines at 2 and 1 mm, each against its ceiling."""

from __future__ import annotations

import time

import numpy as np

from utility_functions.phantom.scanner import make_phantom

CASES = (("lumbar", 1.0, 5, 5.0), ("whole", 2.0, 5, 2.0), ("whole", 1.0, 3, 10.0))
"""Region, spacing in mm, number of scans, and the ceiling for one scan in seconds."""


def main() -> None:
    for region, spacing, scans, ceiling in CASES:
        seconds, voxels = [], []
        for seed in range(scans):
            started = time.process_time()
            scan = make_phantom(np.random.default_rng(seed), region=region, spacing_mm=spacing)
            seconds.append(time.process_time() - started)
            voxels.append(scan.volume.voxels.size / 1e6)
        print(
            f"phantom: a {region} {'spine' if region == 'whole' else 'scan'} at {spacing:g} mm,"
            f" {np.median(voxels):.1f} million voxels, takes {np.median(seconds):.2f} s of one core (ceiling"
            f" {ceiling:g} s; slowest {max(seconds):.2f} s, with {voxels[int(np.argmax(seconds))]:.1f} million)"
        )


if __name__ == "__main__":
    main()
