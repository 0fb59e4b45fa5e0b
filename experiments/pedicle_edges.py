"""Which pedicle belongs to which body among detections, against the truth of VID."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utility_functions.anatomy.naming.evidence import own_pedicles
from utility_functions.anatomy.naming.pedicle_places import PediclePlaces
from utility_functions.anatomy.naming.pedicle_truth import SAME_BODY_MM, detected_pedicles, same, true_edges
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.keypoints import read_keypoints

LIMITS_MM = (10.0, 20.0)
"""Within which a detected pedicle is a true one."""


def pairs(folder: Path, every: int) -> list[tuple[Keypoints, Keypoints]]:
    """What was detected and what is true, in the order of naming_vid's examples."""
    paths = sorted((folder / "truth").glob("*.json"))[::every]
    return [(read_keypoints(folder / "predictions" / path.name), read_keypoints(path)) for path in paths]


def learnt(scans: Sequence[tuple[Keypoints, Keypoints]]) -> PediclePlaces:
    return PediclePlaces.fit(
        (seen.bodies_mm, seen.probabilities, detected_pedicles(seen, true)) for seen, true in scans
    )


def lines(scans: Sequence[tuple[Keypoints, Keypoints]], fold: np.ndarray, folds: int) -> list[str]:
    """F1 of the edges by fixed offsets, and by places learnt on the other folds."""
    places = [learnt([scans[i] for i in np.flatnonzero(fold != held_out)]) for held_out in range(folds)]
    own = [
        places[its].own(seen.bodies_mm, seen.probabilities, seen.left_mm, seen.right_mm)
        for its, (seen, _) in zip(fold, scans, strict=True)
    ]
    fixed = [own_pedicles(seen.bodies_mm, seen.left_mm, seen.right_mm) for seen, _ in scans]
    told = []
    for how, found in (("fixed offsets", fixed), ("learnt places", own)):
        figures = [100 * edges(scans, found, limit) for limit in LIMITS_MM]
        strict = 100 * edges(scans, found, LIMITS_MM[0], judge_all=True)
        told.append(
            f"F1 of edges between pedicles and bodies, {how}: {figures[0]:.2f} % (pedicles within 20 mm of "
            f"true ones {figures[1]:.2f} %; with edges that the truth cannot tell counted as wrong {strict:.2f} %)"
        )
    return told


def edges(
    scans: Sequence[tuple[Keypoints, Keypoints]], found: Sequence[np.ndarray], limit_mm: float, judge_all: bool = False
) -> float:
    """F1 of the edges between pedicles and bodies over all scans, given each body's own (2, N, 3).

    Neither what was not detected counts, nor edges of which the truth knows neither end, nor, unless ``judge_all``,
    those between a body that the truth does not have and a true pedicle whose body it does not have.
    """
    right = told = true = 0
    for (seen, truth), own in zip(scans, found, strict=True):
        bodies = same(seen.bodies_mm, truth.bodies_mm, SAME_BODY_MM)
        for side, (given, known) in enumerate(((seen.left_mm, truth.left_mm), (seen.right_mm, truth.right_mm))):
            pedicles = same(given, known, limit_mm)
            wanted = true_edges(truth, side)
            detected = {(b, p) for b, p in wanted.items() if b in bodies.values() and p in pedicles.values()}
            answered = [
                (bodies.get(body, -1), pedicles.get(pedicle, -1))
                for body, pedicle in same(own[side], given, 0.1).items()
            ]
            told_of = [
                (body, pedicle)
                for body, pedicle in answered
                if body >= 0 or pedicle in wanted.values() or (judge_all and pedicle >= 0)
            ]
            right += len(detected & set(told_of))
            told += len(told_of)
            true += len(detected)
    return 2 * right / max(told + true, 1)
