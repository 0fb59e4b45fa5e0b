"""How well a network of the task instances draws one vertebra at a look.

python -m experiments patch_predictions [MODEL.h5]

Each vertebra of phantoms is looked at once, the patch centred on it, with the true memory of all passed before it, of
the neighbour alone, and with none: what a traversal could reach whose own masks were right, and what its first look is
worth; where the network learnt marks, with a mark at the true landmark as well. Dice on the network's own voxels, the
mean over vertebrae; a vertebra that no other was passed before is "first".
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utility_functions.anatomy.labels import region_of
from utility_functions.anatomy.landmark_prompt import centred_first
from utility_functions.command_line import one_line
from utility_functions.reporting.tables import text_table

if TYPE_CHECKING:
    from learning_functions.inference.iterative.patch_prediction import PatchPrediction
    from learning_functions.predict.trained_model import TrainedModel
    from learning_functions.samples.cut.labelled_segments import LabelledSegment
    from utility_functions.geometry.landmarks import Landmarks

KINDS = ("all passed", "neighbour alone", "nothing")
MARKED = "all passed, marked"
FIRST = "first"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments patch_predictions", description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="of instances (default: the one shipped)")
    parser.add_argument("--phantoms", type=int, default=6)
    parser.add_argument("--seed", type=int, default=950)
    arguments = parser.parse_args(argv)

    from learning_functions.model_files.pretrained import SHIPPED
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.predict.trained_model import TrainedModel
    from learning_functions.samples.cut.labelled_segments import labelled_segments
    from utility_functions.files.cases import load_scan
    from utility_functions.files.manifest import find_cases

    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    try:
        model = TrainedModel.load(arguments.model or SHIPPED / "instances.h5")
        if model.task_name != "instances":
            raise ValueError(f"Only networks of the task instances look so. Received: one of {model.task_name}.")
        spec = model.settings.spec
        for case in find_cases(Path(f"phantom:{arguments.phantoms}:seed={arguments.seed}")):
            scan = load_scan(case, tissues=False, spacing_mm=spec.spacing_mm, axcodes=spec.axcodes)
            for stretch in labelled_segments(scan, spec):
                for row, kind, dice in predictions(model, stretch, scan.landmarks):
                    scores[row][kind].append(dice)
    except (ValueError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    kinds = (*KINDS, *([MARKED] if model.settings.options.sees_prompts else []))
    rows = [
        (row, str(len(of[KINDS[0]])), *(f"{np.mean(of[kind]):.3f}" for kind in kinds)) for row, of in scores.items()
    ]
    print(text_table(pd.DataFrame(sorted(rows), columns=["vertebrae", "looks", *kinds])))
    return 0


def predictions(
    model: TrainedModel, stretch: LabelledSegment, landmarks: Landmarks | None
) -> Iterator[tuple[str, str, float]]:
    """Of each vertebra and memory: the row of the table, the kind of memory, and the Dice."""
    from learning_functions.inference.iterative.iterative_segmenter import patch_predictor
    from learning_functions.samples.cut.labelled_segments import memory_of

    spec, direction = model.settings.spec, model.settings.options.direction
    offset, scale = spec.offset_and_scale(stretch.image.voxels)
    image = stretch.image.with_voxels(spec.normalise(stretch.image.voxels, offset, scale))
    padding = float(spec.normalise(np.array(stretch.padding), offset, scale))
    see = patch_predictor(model.network, model.settings, image, padding)
    offset_mm = np.asarray(model.settings.options.second_pass_offset_mm)
    places = range(1, len(stretch.vertebrae) + 1)
    for place in places:
        voxels = stretch.voxels_of(place)
        middle = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
        x, y, z = (int(n) for n in np.rint(middle - (np.asarray(spec.patch) - 1) / 2))
        order = stretch.order.window((x, y, z), spec.patch).voxels
        passed = memory_of(order, place, direction), memory_of(order, place, direction, neighbour_only=True)
        is_first = place == (places[-1] if direction == "up" else 1)
        row = FIRST if is_first else region_of(stretch.vertebrae[place - 1].name) or "other"
        for kind, memory in zip(KINDS, (*passed, np.zeros_like(order)), strict=True):
            yield row, kind, _dice(see((x, y, z), memory, None), order == place)
        if model.settings.options.sees_prompts:
            at_mm = stretch.landmark_mm(place, landmarks)
            if offset_mm.any():  # as it is cut where the vertebra is drawn
                x, y, z = (int(n) for n in centred_first(at_mm, image.grid, spec.patch, offset_mm))
            true = stretch.order.window((x, y, z), spec.patch).voxels
            seen = see((x, y, z), memory_of(true, place, direction), image.grid.to_index(at_mm))
            yield row, MARKED, _dice(seen, true == place)


def _dice(seen: PatchPrediction, true: NDArray[np.bool_]) -> float:
    shown = np.asarray(seen.mask) > 0.5
    return 2 * int((shown & true).sum()) / max(int(shown.sum() + true.sum()), 1)


if __name__ == "__main__":
    sys.exit(main())
