"""What panoptic masks miss on labelled scans: python -m experiments mask_errors SCAN [SCAN ...].

For each scan, as means over its labelled vertebrae: Dice on the network's grid, the fraction of true voxels that the
mask misses, by cause, and Dice if every voxel of a vertebra went to its own. Causes: the network takes the voxel for
background, for disc or sacrum, or it votes for another vertebra. Names come from the shipped detection and
identification.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.parts import DISC, SACRUM
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.reporting.tables import text_table

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

LARGEST = max(VERSE_IDS[name] for name in VERTEBRAE)
OTHER_PART = 0.3
"""A missed voxel counts as disc or sacrum from this probability on."""


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m experiments mask_errors",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    options.add_argument("scans", type=Path, nargs="+", help="labelled scans: files, folders or manifests")
    options.add_argument(
        "--model", type=Path, default=Path("panoptic"), help="panoptic model (default: the shipped one)"
    )
    return options


def measure(case: Case, names: Sequence[TrainedModel], model: TrainedModel) -> dict[str, float | str]:
    """The figures of one scan."""
    from learning_functions.inference.landmarks.panoptic_maps import panoptic_maps
    from learning_functions.options import InferenceOptions
    from learning_functions.predict.pipeline import run_models
    from learning_functions.predict.prepared_scan import PreparedScan
    from utility_functions.anatomy.centre_votes import NONE, chosen_centres

    scan = load_scan(case)
    if scan.label_map is None:
        raise ValueError(f"Errors of masks are told on scans with a label map. Received: {case.case_id}.")
    options = InferenceOptions()
    named = run_models(names, scan.volume, case.case_id, options)
    view = model.view(PreparedScan(scan.volume), named, options)
    maps = panoptic_maps(model.network, model.settings, view)
    if named.landmarks is None:
        raise ValueError(f"No vertebra was named. Received: {case.case_id}.")
    landmarks, threshold = named.landmarks.only({*VERTEBRAE, "S1"}), model.settings.options.threshold
    likely = maps.vertebra >= threshold
    where = np.nonzero(likely)
    owner = np.zeros(maps.grid.shape, np.int64)
    ids = np.array([0, *(VERSE_IDS[name] for name in landmarks.names)])
    owner[where] = ids[chosen_centres(maps.votes_mm(where), landmarks.names, landmarks.points_mm) - NONE]
    true = on_grid(scan.label_map, maps.grid)
    other = maps.every[..., [DISC, SACRUM]].max(axis=-1) >= OTHER_PART
    rows = []
    for number in (int(each) for each in np.unique(true) if 0 < each <= LARGEST):
        own = true == number
        missed = own & (owner != number)
        corrected = np.where(own & likely, number, np.where((true > 0) & (true <= LARGEST) & likely, 0, owner))
        rows.append(
            {
                "dice": dice(owner == number, own),
                "background": float((missed & ~likely & ~other).sum() / own.sum()),
                "disc_or_sacrum": float((missed & ~likely & other).sum() / own.sum()),
                "other_vertebra": float((missed & likely).sum() / own.sum()),
                "dice_with_right_votes": dice(corrected == number, own),
            }
        )
    return {"scan": case.case_id, **pd.DataFrame(rows).mean().to_dict()}


def on_grid(labels: LabelMap, grid: Grid) -> NDArray[np.integer]:
    """The labels at the voxels of another grid, by the nearest voxel; 0 outside."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.rint(labels.grid.to_index(grid.to_mm(index))).astype(int)
    inside = np.all((nearest >= 0) & (nearest < labels.voxels.shape), axis=1)
    found = np.zeros(len(index), labels.voxels.dtype)
    found[inside] = labels.voxels[tuple(nearest[inside].T)]
    return found.reshape(grid.shape)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.model_files.pretrained import located
    from learning_functions.predict.pipeline import load_models
    from learning_functions.predict.trained_model import TrainedModel

    try:
        model = TrainedModel.load(located(arguments.model))
        names = load_models([located(Path(name)) for name in ("detection", "identification")])
        cases = [case for each in arguments.scans for case in find_cases(each)]
        rows = pd.DataFrame([measure(case, names, model) for case in cases])
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(rows.round(3).astype(str)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
