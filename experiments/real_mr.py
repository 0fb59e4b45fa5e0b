"""Bodies and discs in real MR of the lumbar spine: python -m experiments real_mr MODEL.h5 [--output DIR].

MODEL gives single vertebrae (panoptic with preset mr, or multiclass_mr). A body is found where one instance covers half
of it or more and is that of no other body. Dice is counted within 4 mm of the true body, since these labels leave out
arches. Discs are scored alike, as one class. No model of the package was trained on these scans.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from experiments.real_cases import VARIABLE, real_folder
from utility_functions.anatomy.structures import DISC, SPIDER_DISCS
from utility_functions.command_line import one_line
from utility_functions.files.images import read_image, read_label_map
from utility_functions.geometry.boxes import box_at, common, widened
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.reporting.tables import text_table

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

FOLDER = "mr_lumbar"
WITHIN_MM = 4.0
HEADER = ("scan", "what", "found", "Dice mean", "Dice worst", "seconds")


class Overlap(NamedTuple):
    """A true structure: the instance that covers most of it, the covered fraction, and Dice near it."""

    instance: int
    covered: float
    dice: float


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments real_mr", description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="trained models (.h5) that give single vertebrae")
    parser.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE})")
    parser.add_argument("--output", type=Path, help="folder for the pictures (default: none are written)")
    arguments = parser.parse_args(argv)
    try:
        folder = real_folder(arguments.real) / FOLDER
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
        from learning_functions.predict.trained_model import TrainedModel

        models = [TrainedModel.load(path) for path in arguments.models]
        rows = [
            measured(labels, models, arguments.output)
            for labels in sorted([*folder.glob("*_bodies.nii.gz"), *folder.glob("*_discs.nii.gz")])
        ]
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(pd.DataFrame(rows, columns=HEADER)))
    return 0


def measured(
    labels: Path,
    models: Sequence[TrainedModel],
    pictures: Path | None = None,
    prepare: Callable[[Volume], Volume] = lambda volume: volume,
) -> tuple[str, ...]:
    """The cells of one scan under HEADER, from its labels NAME_bodies or NAME_discs.

    pictures: the folder of its picture. prepare: what is done with the image before.
    """
    from learning_functions.predict.pipeline import run_models

    name, _, what = labels.name.removesuffix(".nii.gz").rpartition("_")
    volume, true = prepare(read_image(labels.with_name(f"{name}.nii.gz"))), read_label_map(labels)
    findings = run_models(list(models), volume, name)
    found = vertebrae_of(findings) if what == "bodies" else discs_of(findings)
    found.grid.require_same(true.grid, "What was found and labels")
    overlaps = overlaps_of(found, true)
    shared = [each.instance for each in overlaps]
    hits = [each.covered >= 0.5 and (what == "discs" or shared.count(each.instance) == 1) for each in overlaps]
    dices = [each.dice for each in overlaps]
    if pictures is not None:
        picture(volume.voxels, true.voxels, found.voxels, pictures / f"{name}.png")
    seconds = sum(findings.seconds.values())
    return (
        name,
        what,
        f"{sum(hits)} of {len(hits)}",
        f"{np.mean(dices):.3f}",
        f"{min(dices):.3f}",
        f"{seconds:.1f}",
    )


def vertebrae_of(findings: Findings) -> LabelMap:
    """Single vertebrae by numbers."""
    if findings.instances is not None:
        return findings.instances
    if findings.numbered is None:
        raise ValueError("The models give no single vertebrae.")
    numbers = findings.numbered.voxels
    free = (numbers > 0) & (numbers < SPIDER_DISCS) & (numbers != 100)
    return LabelMap(np.where(free, numbers % 100, 0).astype(np.uint8), findings.numbered.grid)


def discs_of(findings: Findings) -> LabelMap:
    """1 where a disc is."""
    if findings.structures is None:
        raise ValueError("The models give no discs.")
    return LabelMap((findings.structures.voxels == DISC).astype(np.uint8), findings.structures.grid)


def overlaps_of(found: LabelMap, true: LabelMap) -> list[Overlap]:
    """For each true structure the instance that covers most of it."""
    margin = [int(np.ceil(WITHIN_MM / step)) + 1 for step in true.grid.spacing_mm]
    overlaps = []
    for number in (int(each) for each in np.unique(true.voxels) if each):
        [box] = ndimage.find_objects((true.voxels == number).astype(np.uint8))
        wide = common(widened(box, max(margin)), box_at((0, 0, 0), true.grid.shape))
        own: NDArray[np.bool_] = true.voxels[wide] == number
        near = ndimage.distance_transform_edt(~own, sampling=true.grid.spacing_mm) <= WITHIN_MM
        counts = np.bincount(found.voxels[wide][own], minlength=2)
        counts[0] = 0
        instance = int(counts.argmax())
        mask = (found.voxels[wide] == instance) & near if counts[instance] else np.zeros_like(own)
        total = int(mask.sum()) + int(own.sum())
        overlaps.append(Overlap(instance, counts[instance] / own.sum(), 2 * int((mask & own).sum()) / total))
    return overlaps


def picture(image: NDArray, true: NDArray, found: NDArray, path: Path) -> None:
    """The sagittal slice through the middle of the labels: scan, what was found, truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    middle = int(np.median(np.argwhere(true)[:, 0]))
    figure, axes = plt.subplots(1, 3, figsize=(18, 8))
    shade = {"cmap": "gray", "origin": "lower", "vmin": 0, "vmax": float(np.percentile(image, 97))}
    for place, shown in enumerate((None, found, true)):
        axes[place].imshow(image[middle].T, **shade)
        axes[place].axis("off")
        if shown is not None:
            over = np.ma.masked_equal(shown[middle].T, 0)
            axes[place].imshow(over % 10, cmap="tab10", origin="lower", alpha=0.5, vmin=0, vmax=9)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=60)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
