"""The scores of one real scan: found, named, false and outside predictions, and Dice inside the labelled range."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.labelled_range import LabelledRange
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.parts import BODY, PARTS, VERTEBRA
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import ClassProbabilities

NEAR_MM, FAR_MM = 10.0, 20.0
BESIDE_MM = 40.0
"""A prediction outside the labelled range is false when it is farther than this from the spine's straight extension."""


def labelled_range(true: Landmarks) -> LabelledRange:
    """The range in which the truth has every vertebra. Raises: ValueError where it has none.

    Truncated vertebrae are often visible and unlabelled: predictions outside the range are neither right nor wrong.
    """
    known = true.only(VERTEBRAE)
    if not known.names:
        raise ValueError(f"The truth names no vertebra. Received: {', '.join(true.names) or 'no landmark'}.")
    return LabelledRange.along([known.point(name) for name in sorted(known.names, key=anatomical_order)])


@dataclass(frozen=True)
class RealScore:
    """The scores of one scan. Names are predicted ones; figures that are not defined are None.

    near, far: labelled vertebrae with a prediction within 10 and 20 mm, whatever its name.
    named: identified by VerSe's rule.
    named_mm, nearest_mm: mean distance to the prediction of the same name, and to the nearest one.
    false: more than 20 mm from every label, and inside the labelled range or far from the spine's extension.
    outside: the other predictions outside the labelled range; the scan may show these vertebrae.
    dice: of the masks inside the labelled range.
    """

    case_id: str
    labelled: int
    near: int
    far: int
    named: int
    named_mm: float | None
    nearest_mm: float | None
    false: tuple[str, ...]
    outside: tuple[str, ...]
    dice: float | None
    seconds: float

    @property
    def rate(self) -> float:
        """The identification rate."""
        return self.named / self.labelled


def score(
    case_id: str, predicted: Landmarks, true: Landmarks, dice: float | None = None, seconds: float = 0.0
) -> RealScore:
    """Scores predicted centroids; S1 and S2 are ignored. Raises: ValueError where no vertebra is labelled."""
    labelled = labelled_range(true)
    found = predicted.only(VERTEBRAE)
    levels = score_scan(case_id, found, true, FAR_MM).levels
    nearest = [level.nearest_mm for level in levels if level.nearest_mm is not None]
    pairs = [level.distance_mm for level in levels if level.distance_mm is not None]
    true_mm = true.only(VERTEBRAE).points_mm
    false, outside = [], []
    for name, point in found:
        inside = bool(labelled.holds(point))
        unlabelled = np.linalg.norm(true_mm - point, axis=1).min() > FAR_MM
        if unlabelled and (inside or labelled.aside_mm(point) > BESIDE_MM):
            false.append(name)
        elif not inside and unlabelled:
            outside.append(name)
    return RealScore(
        case_id,
        labelled=len(levels),
        near=sum(distance <= NEAR_MM for distance in nearest),
        far=sum(distance <= FAR_MM for distance in nearest),
        named=sum(level.hit_verse for level in levels),
        named_mm=float(np.mean(pairs)) if pairs else None,
        nearest_mm=float(np.mean(nearest)) if nearest else None,
        false=tuple(sorted(false, key=anatomical_order)),
        outside=tuple(sorted(outside, key=anatomical_order)),
        dice=dice,
        seconds=seconds,
    )


def mask_classes(labels: Sequence[str], bodies_alone: bool = False) -> tuple[int, ...]:
    """The classes of a detection that a mask holds: body and arch (or body alone); the one class without parts."""
    if tuple(labels) != PARTS:
        return (1,)
    return (BODY,) if bodies_alone else VERTEBRA


def detection_map(findings: Findings) -> LabelMap | None:
    """The detection as a map on the scan's grid."""
    detection = findings.detection
    return detection.on(findings.grid) if isinstance(detection, ClassProbabilities) else detection


def dice_in_range(
    detection: LabelMap,
    truth: LabelMap,
    true: Landmarks,
    classes: Collection[int] = (1,),
    ids: Mapping[str, int] = VERSE_IDS,
) -> float | None:
    """Dice between ``classes`` of a detection and the labelled vertebrae, inside the labelled range; None without any.

    ids: the code of ``truth``. Processes of an unlabelled vertebra above that reach into the range count as wrong.
    """
    detection.grid.require_same(truth.grid, "The detection and its truth")
    labelled = labelled_range(true)
    found = np.isin(detection.voxels, list(classes))
    labelled_voxels = np.isin(truth.voxels, [number for name, number in ids.items() if name in VERTEBRAE])
    either = np.argwhere(found | labelled_voxels)
    inside = tuple(either[labelled.holds(truth.grid.to_mm(either))].T)
    first, second = found[inside], labelled_voxels[inside]
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else None
