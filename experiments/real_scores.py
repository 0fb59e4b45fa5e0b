"""What one real scan is scored by: found, named, false, beyond the labels, and Dice inside the labelled range."""

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

NEAR_MM, FAR_MM = 10.0, 20.0
BESIDE_MM = 40.0
"""A prediction beyond the labelled range is no vertebra when it lies this far from the spine's straightened course."""


def labelled_range(true: Landmarks) -> LabelledRange:
    """Where the truth tells every vertebra; ValueError where it tells none.

    A vertebra that the scan cuts is often visible and unlabelled: whatever lies beyond is neither right nor wrong.
    """
    known = true.only(VERTEBRAE)
    if not known.names:
        raise ValueError(f"The truth names no vertebra. Received: {', '.join(true.names) or 'no landmark'}.")
    return LabelledRange.along([known.point(name) for name in sorted(known.names, key=anatomical_order)])


@dataclass(frozen=True)
class RealScore:
    """One scan. Names are as predicted; figures that are not defined are None.

    near, far: labelled vertebrae with a prediction within 10 and 20 mm, whatever its name.
    named: identified by VerSe's rule. named_mm: mean distance of pairs of one name. nearest_mm: to any prediction.
    false: more than 20 mm from every label and inside the labelled range, or far from where the spine goes on.
    beyond: the other predictions outside the labelled range; the scan may well show these vertebrae.
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
    beyond: tuple[str, ...]
    dice: float | None
    seconds: float

    @property
    def rate(self) -> float:
        """The identification rate."""
        return self.named / self.labelled


def score(
    case_id: str, predicted: Landmarks, true: Landmarks, dice: float | None = None, seconds: float = 0.0
) -> RealScore:
    """Predicted against true centroids; S1 and S2 are left aside. ValueError where no vertebra is labelled."""
    labelled = labelled_range(true)
    found = predicted.only(VERTEBRAE)
    levels = score_scan(case_id, found, true, FAR_MM).levels
    nearest = [level.nearest_mm for level in levels if level.nearest_mm is not None]
    pairs = [level.distance_mm for level in levels if level.distance_mm is not None]
    true_mm = true.only(VERTEBRAE).points_mm
    false, beyond = [], []
    for name, point in found:
        inside = bool(labelled.holds(point))
        alone = np.linalg.norm(true_mm - point, axis=1).min() > FAR_MM
        if alone and (inside or labelled.aside_mm(point) > BESIDE_MM):
            false.append(name)
        elif not inside and alone:
            beyond.append(name)
    return RealScore(
        case_id,
        labelled=len(levels),
        near=sum(distance <= NEAR_MM for distance in nearest),
        far=sum(distance <= FAR_MM for distance in nearest),
        named=sum(level.hit_verse for level in levels),
        named_mm=float(np.mean(pairs)) if pairs else None,
        nearest_mm=float(np.mean(nearest)) if nearest else None,
        false=tuple(sorted(false, key=anatomical_order)),
        beyond=tuple(sorted(beyond, key=anatomical_order)),
        dice=dice,
        seconds=seconds,
    )


def mask_classes(labels: Sequence[str], bodies_alone: bool = False) -> tuple[int, ...]:
    """The classes of a detection that a mask holds: body and arch (or body alone), or the one class there is."""
    if tuple(labels) != PARTS:
        return (1,)
    return (BODY,) if bodies_alone else VERTEBRA


def dice_in_range(
    detection: LabelMap,
    truth: LabelMap,
    true: Landmarks,
    classes: Collection[int] = (1,),
    ids: Mapping[str, int] = VERSE_IDS,
) -> float | None:
    """Dice between ``classes`` of a detection and the labelled vertebrae, inside the labelled range; None without any.

    ids: the code of ``truth``. Processes of the unlabelled vertebra above that hang into the range count as wrong.
    """
    detection.grid.require_same(truth.grid, "The detection and its truth")
    labelled = labelled_range(true)
    found = np.isin(detection.voxels, list(classes))
    wanted = np.isin(truth.voxels, [number for name, number in ids.items() if name in VERTEBRAE])
    either = np.argwhere(found | wanted)
    kept = tuple(either[labelled.holds(truth.grid.to_mm(either))].T)
    total = int(found[kept].sum()) + int(wanted[kept].sum())
    return 2 * int((found[kept] & wanted[kept]).sum()) / total if total else None
