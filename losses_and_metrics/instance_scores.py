"""The scores of instance masks: vertebrae are matched by overlap, so that masks and names have separate scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from losses_and_metrics.labelled_range import LabelledRange, body_mm
from losses_and_metrics.overlap import Overlaps, label_boxes, overlaps
from losses_and_metrics.surface import Indices, surface_indices, surface_score
from utility_functions.anatomy.centroids import LABEL_CODES, require_known_labels
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, anatomical_order, name_of_verse_id
from utility_functions.geometry.boxes import Box
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore

MATCH_IOU = 0.1
"""A prediction lies on a true vertebra when their IoU is above this."""
PART_FRACTION = 0.1
"""A vertebra is split, or a prediction merged, where each of several others holds more than this fraction of it."""
MOSTLY = 0.5
"""A prediction lies mostly on labels when more than this fraction of it does."""
COMPLETE_FROM = 0.5
"""The predicted completeness from which a vertebra counts as complete."""

NO_VERTEBRAE = tuple(VERSE_IDS[name] for name in ("S1", "coccyx"))
SPIDER_CANAL, SPIDER_DISCS = 100, 200


def score_instances(
    case_id: str,
    predicted: LabelMap,
    true: LabelMap,
    code: str = "verse",
    completeness: Mapping[str, float] | None = None,
) -> SegmentationScore:
    """The predicted instances of one scan (VerSe ids) against its truth, written in one of LABEL_CODES, on one grid.

    completeness: of predictions by name, 0..1, where a model predicts it.

    True vertebrae are the free ones, T13 and L6 included. Each is matched with at most one prediction, of any name, so
    that the sum of IoUs is largest (Hungarian method, Kuhn 1955), and only where the IoU is above MATCH_IOU.
    It is complete where it touches no face of the image and, in SPIDER's code, is not labelled as partly visible.

    A prediction without a match is a false positive where the truth would have a label: where its body lies between
    the planes half a step above the first labelled body and below the last, or most of it lies on any labels.
    Elsewhere the scan may show unlabelled vertebrae, and the prediction is not scored. Predicted sacrum and coccyx are
    never false positives. Without any true vertebra, no prediction is scored.

    Raises: UnknownLevels where a map said to be in VerSe's code holds other labels; ValueError where the grids differ.
    """
    predicted.grid.require_same(true.grid, "Predicted and true masks")
    names = vertebra_labels(true, code)
    true_boxes, boxes = label_boxes(true, names), label_boxes(predicted)
    labels = _from_the_top(names, true_boxes, true.grid)
    counts = overlaps(true, predicted, true_boxes, boxes)
    matches = match(counts, labels, list(boxes))
    pairs = _Pairs(counts, true, predicted, true_boxes, boxes)
    completeness = completeness or {}
    vertebrae = []
    for label in labels:
        own = matches.get(label)
        parts = _holders({other: counts.both.get((label, other), 0) for other in boxes}, counts.first[label])
        complete = None if own is None else completeness.get(instance_name(own))
        vertebrae.append(
            VertebraScore(
                label=label,
                name=names[label],
                complete=is_whole(true_boxes[label], true.grid) and not (code == "spider" and label > SPIDER_CANAL),
                match=None if own is None else instance_name(own),
                mask=MISSED if own is None else pairs.score(label, own),
                named=pairs.score(label, VERSE_IDS[names[label]]) if names[label] else None,
                predicted_complete=None if complete is None else bool(complete >= COMPLETE_FROM),
                parts=tuple(instance_name(part) for part in parts) if len(parts) > 1 else (),
            )
        )
    unmatched = [other for other in boxes if other not in matches.values() and other not in NO_VERTEBRAE]
    false = _false(unmatched, labels, predicted, true, true_boxes, boxes) if labels else []
    merged = [
        other
        for other in boxes
        if len(_holders({label: counts.both.get((label, other), 0) for label in labels}, counts.second[other])) > 1
    ]
    beyond = [other for other in unmatched if other not in false]
    return SegmentationScore(case_id, tuple(vertebrae), _sorted(false), _sorted(beyond), _sorted(merged))


def vertebra_labels(label_map: LabelMap, code: str) -> dict[int, str]:
    """The labels of free vertebrae in a code, with their levels, "" where the code has none.

    Raises: UnknownLevels where a map said to be in VerSe's code holds other labels; ValueError for an unknown code.
    """
    if code not in LABEL_CODES:
        raise ValueError(f"The code of a label map is one of {', '.join(LABEL_CODES)}. Received: {code!r}.")
    require_known_labels(label_map, code)
    ids = LABEL_CODES[code]
    if ids is not None:
        return {ids[name]: name for name in VERTEBRAE if name in ids}
    there = [int(label) for label in np.unique(label_map.voxels) if label > 0]
    if code == "spider":  # 1.. vertebrae, 100 the canal, 101.. vertebrae that are partly visible, 201.. discs
        there = [label for label in there if label != SPIDER_CANAL and label <= SPIDER_DISCS]
    return dict.fromkeys(there, "")


def match(counts: Overlaps, labels: Collection[int], others: Collection[int]) -> dict[int, int]:
    """The match of ``labels`` with ``others``: one to one, of largest summed IoU, each IoU above MATCH_IOU."""
    rows, columns = list(labels), list(others)
    if not rows or not columns:
        return {}
    ious = np.array([[counts.iou(row, column) or 0.0 for column in columns] for row in rows])
    ious[ious <= MATCH_IOU] = 0.0
    chosen = zip(*linear_sum_assignment(ious, maximize=True), strict=True)
    return {rows[row]: columns[column] for row, column in chosen if ious[row, column] > 0}


def is_whole(box: Box, grid: Grid) -> bool:
    """Whether a box touches none of the six faces of the image."""
    return all(axis.start > 0 and axis.stop < size for axis, size in zip(box, grid.shape, strict=True))


def instance_name(label: int) -> str:
    """The name of a predicted instance: its level, or the number of a label that has none in VerSe's code."""
    return name_of_verse_id(label) or f"label {label}"


class _Pairs:
    """Scores of pairs of labels; each surface is found once, inside its own box."""

    def __init__(
        self,
        counts: Overlaps,
        true: LabelMap,
        predicted: LabelMap,
        true_boxes: Mapping[int, Box],
        boxes: Mapping[int, Box],
    ) -> None:
        self.counts = counts
        self.sides = ((true, true_boxes), (predicted, boxes))
        self.surfaces: dict[tuple[int, int], Indices] = {}
        self.scores: dict[tuple[int, int], MaskScore] = {}

    def score(self, label: int, other: int) -> MaskScore:
        if (label, other) not in self.scores:
            distances = surface_score(self._surface(0, label), self._surface(1, other), self.sides[0][0].grid)
            self.scores[label, other] = MaskScore(
                self.counts.dice(label, other),
                self.counts.iou(label, other),
                distances.hd_mm,
                distances.hd95_mm,
                distances.assd_mm,
            )
        return self.scores[label, other]

    def _surface(self, side: int, label: int) -> Indices:
        label_map, boxes = self.sides[side]
        if (side, label) not in self.surfaces:
            box = boxes.get(label)
            found = np.zeros((0, 3), np.int64)
            if box is not None:
                found = surface_indices(label_map.voxels[box] == label, box)
            self.surfaces[side, label] = found
        return self.surfaces[side, label]


def _from_the_top(names: Mapping[int, str], boxes: Mapping[int, Box], grid: Grid) -> list[int]:
    """The labels that have a box, by levels or, where these are not known, by the height of the boxes' middles."""

    def order(label: int) -> float:
        if names[label]:
            return anatomical_order(names[label])
        return -float(grid.to_mm([(axis.start + axis.stop - 1) / 2 for axis in boxes[label]])[2])

    return sorted(boxes, key=order)


def _holders(voxels: Mapping[int, int], whole: int) -> list[int]:
    return [label for label, count in voxels.items() if count > PART_FRACTION * whole]


def _false(
    unmatched: Collection[int],
    labels: list[int],
    predicted: LabelMap,
    true: LabelMap,
    true_boxes: Mapping[int, Box],
    boxes: Mapping[int, Box],
) -> list[int]:
    """The false positives among ``unmatched``: those within the labelled part of a truth with at least one vertebra."""
    if not unmatched:
        return []
    ends = dict.fromkeys([*labels[:2], *labels[-2:]])  # from the top down, each once
    labelled = LabelledRange.along([body_mm(true, label, true_boxes[label]) for label in ends])
    found = []
    for other in unmatched:
        beneath = true.voxels[boxes[other]][predicted.voxels[boxes[other]] == other]
        if np.count_nonzero(beneath) > MOSTLY * beneath.size or labelled.holds(body_mm(predicted, other, boxes[other])):
            found.append(other)
    return found


def _sorted(labels: Collection[int]) -> tuple[str, ...]:
    names = [instance_name(label) for label in labels]
    levels = [name for name in names if name in VERTEBRAE]
    return (*sorted(levels, key=anatomical_order), *(name for name in names if name not in levels))
