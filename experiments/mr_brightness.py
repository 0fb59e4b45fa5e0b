"""Flattening of MR by its local mean, by N4 and by both, on real scans: python -m experiments mr_brightness MODEL.h5.

MODEL finds single vertebrae in MR and divides images by their local mean (panoptic with preset mr). It learnt from
images flattened so, and is not trained anew, so that the comparison is unfair to N4 alone. N4 (Tustison et al. 2010) is
that of SimpleITK, on every fourth voxel along each axis with enough of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import SimpleITK as sitk

from experiments.real_cases import VARIABLE, real_folder
from experiments.real_mr import FOLDER
from experiments.real_mr import measured as measured_lumbar
from experiments.real_structures import SCANS
from experiments.real_structures import measured as measured_neck
from utility_functions.command_line import one_line
from utility_functions.geometry.volume import Volume
from utility_functions.reporting.tables import text_table

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

REDUCTION, LEAST_VOXELS = 4, 4
"""N4 sees every fourth voxel along an axis, fewer where less than LEAST_VOXELS would be left."""
NECK = "tptbox_mr"
HEADER = ("flattened by", "scan", "what", "found", "Dice", "Dice of the worst, or of discs and canal", "CPU s of N4")


def n4_flattened(volume: Volume) -> Volume:
    """The volume divided by the bias field that N4 finds on every fourth voxel, float32; what is below 0 becomes 0.

    Tissue is what lies above Otsu's threshold of the logarithm.
    """
    image = sitk.GetImageFromArray(np.maximum(volume.voxels, 0).astype(np.float32).T)
    image.SetSpacing([float(step) for step in volume.grid.spacing_mm])
    factors = [max(1, min(REDUCTION, size // LEAST_VOXELS)) for size in volume.grid.shape]
    small = sitk.Shrink(image, factors)
    mask = sitk.OtsuThreshold(sitk.Log(small + 1.0), 0, 1, 200)
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.Execute(small, mask)
    field = sitk.Exp(corrector.GetLogBiasFieldAsImage(image))
    return volume.with_voxels(sitk.GetArrayFromImage(image / field).T.astype(np.float32))


def without_local_mean(model: TrainedModel) -> TrainedModel:
    """The model, which does not divide images by their local mean."""
    settings = model.settings
    return replace(model, settings=settings.changed(spec=replace(settings.spec, flatten_mm=0.0)))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments mr_brightness", description=__doc__)
    parser.add_argument("model", type=Path, help="a trained model of panoptic with preset mr (.h5)")
    parser.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE})")
    arguments = parser.parse_args(argv)
    try:
        folder = real_folder(arguments.real)
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
        from learning_functions.predict.trained_model import TrainedModel

        model = TrainedModel.load(arguments.model)
        rows = [row for name in WAYS for row in rows_of(name, model, folder)]
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(pd.DataFrame(rows, columns=HEADER)))
    return 0


def rows_of(name: str, model: TrainedModel, folder: Path) -> list[tuple[str, ...]]:
    """The cells under HEADER of each real scan, flattened in one of WAYS."""
    taken: list[float] = []
    by_n4, by_mean = WAYS[name]

    def prepare(volume: Volume) -> Volume:
        started = time.process_time()
        found = n4_flattened(volume) if by_n4 else volume
        taken.append(time.process_time() - started)
        return found

    shown = model if by_mean else without_local_mean(model)
    rows: list[tuple[str, ...]] = []
    lumbar = folder / FOLDER
    for labels in sorted([*lumbar.glob("*_bodies.nii.gz"), *lumbar.glob("*_discs.nii.gz")]):
        scan, what, found, mean, worst, _ = measured_lumbar(labels, [shown], prepare=prepare)
        rows.append((name, scan, what, found, mean, worst, f"{taken[-1]:.1f}"))
    for each in SCANS:
        if each.case_id == NECK and (folder / each.image).exists():
            scan, vertebrae, discs, canal, found, _ = measured_neck(each, folder, shown, prepare=prepare)
            rows.append((name, scan, "vertebrae", found, vertebrae, f"{discs}, {canal}", f"{taken[-1]:.1f}"))
    return rows


WAYS: Mapping[str, tuple[bool, bool]] = {
    "nothing": (False, False),
    "local mean": (False, True),
    "N4": (True, False),
    "N4, then local mean": (True, True),
}
"""Whether N4 runs before the model, and whether the model divides by the local mean."""


if __name__ == "__main__":
    sys.exit(main())
