"""The scores of vertebrae, discs and canal in MR against a truth in SPIDER's code, per class and per structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from losses_and_metrics.instance_scores import match
from losses_and_metrics.intervals import mean_over_scans
from losses_and_metrics.overlap import label_boxes, overlaps
from losses_and_metrics.surface import surface_indices, surface_score
from utility_functions.anatomy.structures import (
    SPIDER_CANAL,
    SPIDER_DISCS,
    SPIDER_PARTIAL,
    STRUCTURES,
    structures_of,
)
from utility_functions.geometry.boxes import Box
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.mask_scores import MISSED, MaskScore
from utility_functions.records.mr_structure_scores import (
    InstanceScore,
    StructureScore,
    structure_of_number,
)


def score_structures(case_id: str, predicted: LabelMap, true: LabelMap) -> StructureScore:
    """A prediction against its truth, both in SPIDER's code and on one grid.

    Classes are compared whole. Single vertebrae and discs are matched with those of their class, whatever their
    number, so that the sum of IoUs is largest, and only where the IoU is above a tenth; the canal is one structure. A
    prediction without a match is a false positive: SPIDER labels all structures in a scan.
    Raises: ValueError where the grids differ, or for numbers that are none of SPIDER's.
    """
    predicted.grid.require_same(true.grid, "Predicted and true structures")
    whole = _pairs(structures_of(predicted, "spider"), structures_of(true, "spider"))
    named = {name: whole(code, code) for code, name in enumerate(STRUCTURES) if code}
    found, truth = (_without_partial_codes(each) for each in (predicted, true))
    true_boxes, boxes = label_boxes(truth), label_boxes(found)
    counts = overlaps(truth, found, true_boxes, boxes)
    score = _pairs(found, truth, boxes, true_boxes)
    instances, on_some = [], set()
    for structure in STRUCTURES[1:]:
        labels = [label for label in true_boxes if structure_of_number(label) == structure]
        others = [label for label in boxes if structure_of_number(label) == structure]
        matched = match(counts, labels, others)
        on_some |= set(matched.values())
        for label in labels:
            own = matched.get(label)
            instances.append(InstanceScore(structure, label, own, MISSED if own is None else score(own, label)))
    false = tuple(sorted(set(boxes) - on_some)) if true_boxes else ()
    return StructureScore(case_id, named, tuple(instances), false)


def summarise_structures(structures: pd.DataFrame) -> pd.DataFrame:
    """A row per class over all scans of a ``structure_frame``, with 95 % intervals over scans.

    dice and so on: of the whole class in each scan; instance_dice and so on: of its single structures. A missed one
    has Dice and IoU 0 and does not count in distances. instances, found, number_right, false: the numbers of single
    structures, of found ones, of those with the correct number, and of false positives.
    """
    return pd.DataFrame([_row(name, structures[structures["structure"] == name]) for name in STRUCTURES[1:]])


def _row(structure: str, scores: pd.DataFrame) -> dict[str, Any]:
    whole, single, false = (scores[scores["kind"] == kind] for kind in ("class", "instance", "false"))
    row: dict[str, Any] = {
        "structure": structure,
        "scans": len(whole),
        "instances": len(single),
        "found": int(single["match"].count()),
        "number_right": int((single["match"] == single["label"]).sum()),
        "false": len(false),
    }
    for of, prefix in ((whole, ""), (single, "instance_")):
        for name in ("dice", "iou", "hd95_mm", "assd_mm"):
            row |= mean_over_scans(f"{prefix}{name}", of[name], of)
    return row


def _without_partial_codes(label_map: LabelMap) -> LabelMap:
    """The map with partly visible vertebrae under the numbers of whole ones."""
    voxels = label_map.voxels
    part = (voxels > SPIDER_CANAL) & (voxels < SPIDER_DISCS)
    return LabelMap(np.where(part, voxels - SPIDER_PARTIAL, voxels).astype(np.uint8), label_map.grid)


def _pairs(
    predicted: LabelMap,
    true: LabelMap,
    boxes: Mapping[int, Box] | None = None,
    true_boxes: Mapping[int, Box] | None = None,
) -> Callable[[int, int], MaskScore]:
    """The score of a predicted label against a true one."""
    boxes = label_boxes(predicted) if boxes is None else boxes
    true_boxes = label_boxes(true) if true_boxes is None else true_boxes
    counts = overlaps(predicted, true, boxes, true_boxes)

    def score(label: int, other: int) -> MaskScore:
        sides = ((predicted, boxes.get(label), label), (true, true_boxes.get(other), other))
        surfaces = [
            np.zeros((0, 3), np.int64) if box is None else surface_indices(side.voxels[box] == number, box)
            for side, box, number in sides
        ]
        distances = surface_score(surfaces[0], surfaces[1], predicted.grid)
        return MaskScore(
            counts.dice(label, other), counts.iou(label, other), distances.hd_mm, distances.hd95_mm, distances.assd_mm
        )

    return score
