"""The threshold and the surface of a panoptic model's masks on labelled CT: python -m experiments mask_thresholds SCAN.

For each threshold, with the surface that the network draws and with that placed by brightness: the mean Dice of single
vertebrae, precision and recall of their voxels, as means over scans. The names come from the shipped detection and
identification; the network sees each scan once. With --write what has the highest mean Dice goes into the model's card.
The scans are then development data; no figure on them is a test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from learning_functions.task_options.bone_surface import BoneSurface
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.volume import LabelMap
from utility_functions.json_records import to_json
from utility_functions.reporting.tables import text_table

if TYPE_CHECKING:
    from learning_functions.predict.trained_model import TrainedModel

THRESHOLDS = (0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
SURFACES = {"network": None, "brightness": BoneSurface()}


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m experiments mask_thresholds",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    options.add_argument("scans", type=Path, nargs="+", help="labelled scans: files, folders or manifests")
    options.add_argument(
        "--model", type=Path, default=Path("panoptic"), help="panoptic model (default: the shipped one)"
    )
    options.add_argument("--write", action="store_true", help="write the best of both into the model's card")
    return options


def measure(case: Case, names: Sequence[TrainedModel], model: TrainedModel) -> list[dict[str, float | str]]:
    """The figures of one scan at each threshold."""
    from learning_functions.inference.landmarks.panoptic_maps import panoptic_maps
    from learning_functions.inference.landmarks.panoptic_masks import gathered_masks
    from learning_functions.options import InferenceOptions
    from learning_functions.predict.pipeline import run_models
    from learning_functions.predict.prepared_scan import PreparedScan
    from losses_and_metrics.instance_scores import score_instances

    scan = load_scan(case)
    if scan.label_map is None:
        raise ValueError(f"A threshold is chosen on scans with a label map. Received: {case.case_id}.")
    named = run_models(names, scan.volume, case.case_id, InferenceOptions())
    view = model.view(PreparedScan(scan.volume), named, InferenceOptions())
    maps = panoptic_maps(model.network, model.settings, view)
    rows: list[dict[str, float | str]] = []
    for threshold, (name, surface) in product(THRESHOLDS, SURFACES.items()):
        options = model.settings.options.changed(threshold=threshold, surface=surface)
        found = gathered_masks(maps, model.settings.changed(options=options), view).instances
        if found is None:
            raise ValueError(f"No vertebra was named. Received: {case.case_id}.")
        masks = score_instances(case.case_id, found, scan.label_map, case.label_code, None)
        dice = float(np.mean([vertebra.mask.dice or 0.0 for vertebra in masks.vertebrae]))
        precision, recall = overlap_of(found, scan.label_map)
        rows.append(
            {
                "scan": case.case_id,
                "surface": name,
                "threshold": threshold,
                "dice": dice,
                "precision": precision,
                "recall": recall,
            }
        )
    return rows


def overlap_of(found: LabelMap, true: LabelMap) -> tuple[float, float]:
    """Mean precision and recall of the voxels of each true vertebra, by number."""
    pairs = []
    for number in np.unique(true.voxels[true.voxels > 0]):
        predicted, actual = found.voxels == number, true.voxels == number
        both = float((predicted & actual).sum())
        pairs.append((both / max(float(predicted.sum()), 1.0), both / float(actual.sum())))
    precision, recall = np.mean(pairs, axis=0)
    return float(precision), float(recall)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.model_files.model_file import change_card
    from learning_functions.model_files.pretrained import located
    from learning_functions.predict.pipeline import load_models
    from learning_functions.predict.trained_model import TrainedModel

    try:
        path = located(arguments.model)
        model, names = TrainedModel.load(path), load_models([located(Path(n)) for n in ("detection", "identification")])
        cases = [case for each in arguments.scans for case in find_cases(each)]
        rows = pd.DataFrame([row for case in cases for row in measure(case, names, model)])
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(rows.round(3).astype(str)))
    means = rows.drop(columns="scan").groupby(["surface", "threshold"]).mean().reset_index()
    print(text_table(means.round(3).astype(str)))
    best = means.loc[means["dice"].idxmax()]
    if arguments.write:
        chosen = {"threshold": float(best["threshold"]), "surface": to_json(SURFACES[best["surface"]])}
        change_card(path, {**model.card, "learnt": {**model.card.get("learnt", {}), **chosen}})
        print(f"threshold {best['threshold']:g}, surface by {best['surface']}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
