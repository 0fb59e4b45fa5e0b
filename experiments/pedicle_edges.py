"""Pairs of detected pedicles and bodies against the truth of VID."""

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
"""The largest distances between a detected pedicle and its true one."""


def pairs(folder: Path, every: int) -> list[tuple[Keypoints, Keypoints]]:
    """Detected and true keypoints, in the order of naming_vid's examples."""
    paths = sorted((folder / "truth").glob("*.json"))[::every]
    return [(read_keypoints(folder / "predictions" / path.name), read_keypoints(path)) for path in paths]


def fitted_places(scans: Sequence[tuple[Keypoints, Keypoints]]) -> PediclePlaces:
    return PediclePlaces.fit(
        (detected.bodies_mm, detected.probabilities, detected_pedicles(detected, true)) for detected, true in scans
    )


def lines(scans: Sequence[tuple[Keypoints, Keypoints]], fold: np.ndarray, folds: int) -> list[str]:
    """F1 of the edges by fixed offsets, and by places fitted on the other folds, in a sentence each."""
    places = [fitted_places([scans[int(i)] for i in np.flatnonzero(fold != held_out)]) for held_out in range(folds)]
    own = [
        places[int(number)].own(detected.bodies_mm, detected.probabilities, detected.left_mm, detected.right_mm)
        for number, (detected, _) in zip(fold, scans, strict=True)
    ]
    fixed = [own_pedicles(each.bodies_mm, each.left_mm, each.right_mm) for each, _ in scans]
    texts = []
    for how, found in (("fixed offsets", fixed), ("fitted places", own)):
        figures = [100 * edges(scans, found, limit) for limit in LIMITS_MM]
        strict = 100 * edges(scans, found, LIMITS_MM[0], count_unknown=True)
        texts.append(
            f"F1 of edges between pedicles and bodies, {how}: {figures[0]:.2f} % ({figures[1]:.2f} % with pedicles "
            f"within 20 mm of true ones; {strict:.2f} % where edges that the truth does not know count as wrong)"
        )
    return texts


def edges(
    scans: Sequence[tuple[Keypoints, Keypoints]],
    found: Sequence[np.ndarray],
    limit_mm: float,
    count_unknown: bool = False,
) -> float:
    """F1 of the edges between pedicles and bodies over all scans.

    found: for each scan, the left and right pedicle of each body, in mm (2, N, 3).
    Undetected edges do not count, nor edges without a true end. An edge between a false body and a true pedicle whose
    body the truth does not have counts as wrong with ``count_unknown``, and not at all without it.
    """
    right = predicted = true = 0
    for (detections, truth), own in zip(scans, found, strict=True):
        bodies = same(detections.bodies_mm, truth.bodies_mm, SAME_BODY_MM)
        sides = ((detections.left_mm, truth.left_mm), (detections.right_mm, truth.right_mm))
        for side, (detected_mm, true_mm) in enumerate(sides):
            pedicles = same(detected_mm, true_mm, limit_mm)
            true_pairs = true_edges(truth, side)
            detected = {(b, p) for b, p in true_pairs.items() if b in bodies.values() and p in pedicles.values()}
            pairs_found = [
                (bodies.get(body, -1), pedicles.get(pedicle, -1))
                for body, pedicle in same(own[side], detected_mm, 0.1).items()
            ]
            counted = [
                (body, pedicle)
                for body, pedicle in pairs_found
                if body >= 0 or pedicle in true_pairs.values() or (count_unknown and pedicle >= 0)
            ]
            right += len(detected & set(counted))
            predicted += len(counted)
            true += len(detected)
    return 2 * right / max(predicted + true, 1)
