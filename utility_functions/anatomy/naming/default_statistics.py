"""Statistics of naming for models whose card holds none: fitted on VID, and kept beside this file."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from utility_functions.anatomy.naming.statistics import Statistics

PATH = Path(__file__).with_name("vid_statistics.json")
STEPS, TURNS, SURENESS = 1.6, 3.5, 0.5
"""How far deviations are loosened and how sure posteriors are, as chosen most often in the folds of naming_vid."""
MARKED_OTHERWISE = (("C1", "C2"), ("C2", "C3"))
"""Steps that VID marks otherwise: its C2 lies at the dens, that of VerSe and of masks in the body."""


@lru_cache(maxsize=1)
def keypoint_statistics() -> Statistics:
    """Those of keypoints as VID's detector finds them, its region probabilities and fields of view among them."""
    known = json.loads(PATH.read_text(encoding="utf-8"))
    return Statistics.from_json(known["statistics"])


@lru_cache(maxsize=1)
def scan_statistics() -> Statistics:
    """Those of bodies found in images: shapes of spines as in VID, any field of view, detections hardly ever false."""
    return for_scans(keypoint_statistics())


def for_scans(fitted: Statistics) -> Statistics:
    """Fitted statistics with what belongs to the detector and the fields of view of VID as it is anywhere.

    Sureness flattens all there is to tell levels by, since neighbours err together. How often variants are and where
    scans begin is told once, so both are sharpened by as much beforehand.
    """
    usual, power = Statistics(), 1 / fitted.sureness
    steps = {**fitted.steps_mm, **{step: usual.steps_mm[step] for step in MARKED_OTHERWISE}}
    most = max(usual.starts.values())
    return replace(
        fitted,
        steps_mm=steps,
        regions=None,
        pedicles=None,
        starts={level: most * (share / most) ** power for level, share in usual.starts.items()},
        variants={name: share**power for name, share in usual.variants.items()},
        ends=usual.ends,
        missed=usual.missed,
        false_rate=usual.false_rate,
    )
