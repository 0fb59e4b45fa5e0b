"""Dice of vertebrae, discs and canal on real scans: python -m experiments real_structures MODEL.h5 [--output DIR].

MODEL is a multiclass_mr model; a contrast-agnostic one runs on CT and MR. Dice is that of each class in the masks,
inside the labelled range. found: single vertebrae, of those labelled. Only tptbox_mr has masks of discs and canal. No
model of the package was trained on these scans.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from experiments.real_cases import VARIABLE, real_folder
from experiments.real_scores import labelled_range
from losses_and_metrics.structure_scores import score_structures
from utility_functions.anatomy.centroids import LABEL_CODES, coded_centroids
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.structures import CANAL, DISC, SPINEPS_CANAL, STRUCTURES, VERTEBRA, spider_map
from utility_functions.command_line import one_line
from utility_functions.files.atomic_write import require_writable
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.images import read_label_map
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.structure_picture import structure_picture
from utility_functions.reporting.tables import MISSING, text_table

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

HEADER = ("scan", *(f"{name} Dice" for name in STRUCTURES[1:]), "found", "seconds")
DISCS, ENDPLATES = (101, 200), (201, 300)
"""The first and last code in TPTBox's maps of vertebrae; endplates count as vertebra."""


class LabelledScan(NamedTuple):
    """A scan, its map of vertebrae with the code of this, and a map with the canal, where there is one."""

    case_id: str
    image: str
    vertebrae: str
    code: str
    canal: str = ""


SCANS = (
    LabelledScan(
        "tptbox_mr",
        "tptbox/sub-mri_label-6_T2w.nii.gz",
        "tptbox/sub-mri_seg-vert_label-6_msk.nii.gz",
        "spineps",
        "tptbox/sub-mri_seg-subreg_label-6_msk.nii.gz",
    ),
    LabelledScan(
        "tptbox_ct", "tptbox/sub-ct_label-22_ct.nii.gz", "tptbox/sub-ct_seg-vert_label-22_msk.nii.gz", "spineps"
    ),
    LabelledScan("example_ct", "totalseg/example_ct.nii.gz", "totalseg/example_ct_labels.nii.gz", "totalsegmentator"),
    LabelledScan("verse014", "verse014/sub-verse014_ct.nii.gz", "verse014/sub-verse014_seg-vert_msk.nii.gz", "verse"),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments real_structures", description=__doc__)
    parser.add_argument(
        "model", type=Path, help="a trained model of multiclass_mr, or of panoptic with preset mr (.h5)"
    )
    parser.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE})")
    parser.add_argument("--output", type=Path, help="folder for the pictures (default: none are written)")
    arguments = parser.parse_args(argv)
    try:
        folder = real_folder(arguments.real)
        if arguments.output is not None:
            require_writable(arguments.output)
        from learning_functions.runtime.tensorflow_setup import start_tensorflow

        start_tensorflow()
        from learning_functions.predict.trained_model import TrainedModel

        model = TrainedModel.load(arguments.model)
        if "structures" not in (*model.task.gives, *model.task.may_give):
            raise ValueError(
                f"The model must be one of the task multiclass_mr or panoptic. Received: {model.task_name}."
            )
        rows = [measured(each, folder, model, arguments.output) for each in SCANS if (folder / each.image).exists()]
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(pd.DataFrame(rows, columns=HEADER)))
    return 0


def measured(
    labelled: LabelledScan,
    folder: Path,
    model: TrainedModel,
    pictures: Path | None = None,
    prepare: Callable[[Volume], Volume] = lambda volume: volume,
) -> tuple[str, ...]:
    """The cells of one scan under HEADER; pictures: the folder of its picture, prepare: what is done with the image."""
    from learning_functions.predict.pipeline import run_models

    case = Case(
        labelled.case_id, folder / labelled.image, label_map_path=folder / labelled.vertebrae, label_code=labelled.code
    )
    scan = load_scan(case)
    if scan.label_map is None:
        raise ValueError(f"A scan without labels cannot be scored. Received: {labelled.case_id}.")
    canal = read_label_map(folder / labelled.canal) if labelled.canal else None
    classes, true = true_maps(scan.label_map, labelled.code, canal)
    findings = run_models([model], prepare(scan.volume), case.case_id)
    if findings.structures is None or findings.numbered is None:
        raise ValueError(f"The model found no structures. Received: {model.path}.")
    if pictures is not None:
        structure_picture(scan.volume, findings.numbered, true, pictures / f"{labelled.case_id}.png", labelled.case_id)
    centres = coded_centroids(scan.label_map, labelled.code).only(VERTEBRAE)
    either = np.argwhere((findings.structures.voxels > 0) | (classes.voxels > 0))
    inside = tuple(either[labelled_range(centres).holds(classes.grid.to_mm(either))].T)
    found, labels = findings.structures.voxels[inside], classes.voxels[inside]
    scores = {code: dice(found == code, labels == code) for code in np.unique(labels) if code}
    score = score_structures(labelled.case_id, findings.numbered, true)
    single = score.of("vertebra")
    return (
        labelled.case_id,
        *(f"{scores[code]:.3f}" if code in scores else MISSING for code in range(1, len(STRUCTURES))),
        f"{sum(each.found for each in single)} of {len(single)}",
        f"{sum(findings.seconds.values()):.1f}",
    )


def true_maps(vertebrae: LabelMap, code: str, canal: LabelMap | None) -> tuple[LabelMap, LabelMap]:
    """The class of each voxel, and single structures in SPIDER's code, from maps of vertebrae and canal."""
    ids = LABEL_CODES[code]
    if ids is None:
        raise ValueError(f"The label code must tell levels. Received: {code}.")
    voxels = vertebrae.voxels
    named, classes = np.zeros((2, *voxels.shape), np.uint8)
    for name in VERTEBRAE:
        own = voxels == ids.get(name, -1)
        if code == "spineps":
            own |= voxels == ids[name] + ENDPLATES[0] - 1
        named[own] = VERSE_IDS[name]
    classes[named > 0] = VERTEBRA
    if code == "spineps":
        classes[(voxels >= DISCS[0]) & (voxels <= DISCS[1])] = DISC
    if canal is not None:
        vertebrae.grid.require_same(canal.grid, "Vertebrae and canal")
        classes[np.isin(canal.voxels, SPINEPS_CANAL) & (classes == 0)] = CANAL
    whole = LabelMap(classes, vertebrae.grid)
    return whole, spider_map(LabelMap(named, vertebrae.grid), whole)


def dice(found: np.ndarray, true: np.ndarray) -> float:
    return 2 * int((found & true).sum()) / max(int(found.sum()) + int(true.sum()), 1)


if __name__ == "__main__":
    sys.exit(main())
