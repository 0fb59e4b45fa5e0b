"""Vertebrae, discs and canal of MR against a truth in SPIDER's code: per class, per single structure, summed up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from losses_and_metrics.instance_scores import match
from losses_and_metrics.intervals import bootstrap_interval
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
from utility_functions.records.mask_scores import MISSED, Figure, MaskScore
from utility_functions.records.mr_structure_scores import (
    InstanceScore,
    MaskFigures,
    StructureRow,
    StructureScore,
    StructureSummary,
    structure_of_number,
)


def score_structures(case_id: str, predicted: LabelMap, true: LabelMap) -> StructureScore:
    """A prediction against its truth, both in SPIDER's code and on one grid.

    Classes are compared whole. Single vertebrae and discs are matched with those of their class, whatever their
    number, so that the sum of IoUs is largest, and only where the IoU is above a tenth; the canal is one. What is
    predicted and lies on none of its class is false: SPIDER labels all that a scan shows.
    Raises: ValueError where the grids differ, or for numbers that are none of SPIDER's.
    """
    predicted.grid.require_same(true.grid, "Predicted and true structures")
    whole = _pairs(structures_of(predicted, "spider"), structures_of(true, "spider"))
    named = {name: whole(code, code) for code, name in enumerate(STRUCTURES) if code}
    found, truth = (_without_marks(each) for each in (predicted, true))
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


def summarise_structures(scores: Sequence[StructureScore]) -> StructureSummary:
    """Each class over all scans, with 95 % intervals over scans; a missed structure counts as Dice and IoU 0."""
    return StructureSummary(len(scores), tuple(_row(name, scores) for name in STRUCTURES[1:]))


def _row(structure: str, scores: Sequence[StructureScore]) -> StructureRow:
    whole = [[score.classes[structure]] for score in scores]
    single = [[each.mask for each in score.of(structure)] for score in scores]
    instances = [each for score in scores for each in score.of(structure)]
    return StructureRow(
        structure,
        _figures(whole),
        _figures(single),
        true=len(instances),
        found=sum(each.found for each in instances),
        right=sum(bool(each.number_right) for each in instances),
        false=sum(structure_of_number(number) == structure for score in scores for number in score.false),
    )


def _figures(scans: Sequence[Sequence[MaskScore]]) -> MaskFigures:
    return MaskFigures(
        dice=_figure(scans, lambda mask: mask.dice),
        iou=_figure(scans, lambda mask: mask.iou),
        hd95_mm=_figure(scans, lambda mask: mask.hd95_mm),
        assd_mm=_figure(scans, lambda mask: mask.assd_mm),
    )


def _figure(scans: Sequence[Sequence[MaskScore]], value: Callable[[MaskScore], float | None]) -> Figure:
    known = [[found for mask in scan if (found := value(mask)) is not None] for scan in scans]
    count = sum(len(scan) for scan in known)
    if not count:
        return Figure()
    total = float(sum(sum(scan) for scan in known))
    return Figure(
        total / count, bootstrap_interval([sum(scan) for scan in known], [len(scan) for scan in known]), count
    )


def _without_marks(label_map: LabelMap) -> LabelMap:
    """The map with vertebrae that are seen in part under their plain numbers."""
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
