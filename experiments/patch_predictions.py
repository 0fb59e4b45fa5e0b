"""Dice of single patch predictions of a network of the task instances.

python -m experiments patch_predictions [MODEL.h5]

The patch is centred on each vertebra of the phantoms. The network predicts it with three true memories: of all
vertebrae traversed before it, of the neighbour alone, and of none. This is the best that a traversal could reach, and
the quality of its first prediction. A network with a landmark prompt also predicts with a prompt at the true landmark.
Dice is the mean over vertebrae, on the network's voxels. "first": the vertebrae with which a traversal begins.
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

MEMORIES = ("all traversed", "neighbour alone", "none")
PROMPTED = "all traversed, prompt"
FIRST = "first"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments patch_predictions", description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="a model of instances (default: the shipped one)")
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
            raise ValueError(f"The model must be one of the task instances. Received: one of {model.task_name}.")
        spec = model.settings.spec
        for case in find_cases(Path(f"phantom:{arguments.phantoms}:seed={arguments.seed}")):
            scan = load_scan(case, tissues=False, spacing_mm=spec.spacing_mm, axcodes=spec.axcodes)
            for segment in labelled_segments(scan, spec):
                for row, kind, dice in predictions(model, segment, scan.landmarks):
                    scores[row][kind].append(dice)
    except (ValueError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    kinds = (*MEMORIES, *([PROMPTED] if model.settings.options.sees_prompts else []))
    rows = [
        (row, str(len(dice[MEMORIES[0]])), *(f"{np.mean(dice[kind]):.3f}" for kind in kinds))
        for row, dice in scores.items()
    ]
    print(text_table(pd.DataFrame(sorted(rows), columns=["vertebrae", "predictions", *kinds])))
    return 0


def predictions(
    model: TrainedModel, segment: LabelledSegment, landmarks: Landmarks | None
) -> Iterator[tuple[str, str, float]]:
    """For each vertebra and memory: the row of the table, the kind of memory, and the Dice."""
    from learning_functions.inference.iterative.iterative_segmenter import patch_predictor
    from learning_functions.samples.cut.labelled_segments import memory_of

    spec, direction = model.settings.spec, model.settings.options.direction
    offset, scale = spec.offset_and_scale(segment.image.voxels)
    image = segment.image.with_voxels(spec.normalise(segment.image.voxels, offset, scale))
    padding = float(spec.normalise(np.array(segment.padding), offset, scale))
    predict = patch_predictor(model.network, model.settings, image, padding)
    offset_mm = model.settings.options.second_pass_offset_mm
    places = range(1, len(segment.vertebrae) + 1)
    for place in places:
        voxels = segment.voxels_of(place)
        middle = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
        x, y, z = (int(n) for n in np.rint(middle - (np.asarray(spec.patch) - 1) / 2))
        order = segment.order.window((x, y, z), spec.patch).voxels
        traversed = memory_of(order, place, direction), memory_of(order, place, direction, neighbour_only=True)
        is_first = place == (places[-1] if direction == "up" else 1)
        row = FIRST if is_first else region_of(segment.vertebrae[place - 1].name) or "other"
        for kind, memory in zip(MEMORIES, (*traversed, np.zeros_like(order)), strict=True):
            yield row, kind, _dice(predict((x, y, z), memory, None), order == place)
        if model.settings.options.sees_prompts:
            at_mm = segment.landmark_mm(place, landmarks)
            if any(offset_mm):  # the patch of the second pass
                x, y, z = (int(n) for n in centred_first(at_mm, image.grid, spec.patch, offset_mm))
            true = segment.order.window((x, y, z), spec.patch).voxels
            predicted = predict((x, y, z), memory_of(true, place, direction), image.grid.to_index(at_mm))
            yield row, PROMPTED, _dice(predicted, true == place)


def _dice(predicted: PatchPrediction, true: NDArray[np.bool_]) -> float:
    mask = np.asarray(predicted.mask) > 0.5
    return 2 * int((mask & true).sum()) / max(int(mask.sum() + true.sum()), 1)


if __name__ == "__main__":
    sys.exit(main())
