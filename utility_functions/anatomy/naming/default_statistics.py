"""Statistics of naming for models whose card holds none: fitted on VID, and stored beside this file."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.json_records import parsed_json

PATH = Path(__file__).with_name("vid_statistics.json")
STEPS, TURNS, INVERSE_TEMPERATURE = 1.6, 3.5, 0.5
"""Factors that inflate the deviations of distances and directions, and the exponent of posteriors, as chosen most often
in the folds of naming_vid."""
ANNOTATED_DIFFERENTLY = (("C1", "C2"), ("C2", "C3"))
"""Steps that VID annotates differently: its C2 lies at the dens, that of VerSe and of masks in the body."""


@lru_cache(maxsize=1)
def keypoint_statistics() -> Statistics:
    """Those of keypoints as VID's detector finds them, its region probabilities and fields of view among them."""
    known = parsed_json(PATH.read_text(encoding="utf-8"))
    return Statistics.from_json(known["statistics"])


@lru_cache(maxsize=1)
def scan_statistics() -> Statistics:
    """Those of bodies found in images: shapes of spines as in VID, any field of view, detections hardly ever false."""
    return for_scans(keypoint_statistics())


def for_scans(fitted: Statistics) -> Statistics:
    """Fitted statistics with VID's detector and fields of view replaced by general ones.

    ``inverse_temperature`` flattens all evidence of levels, since errors of neighbours are correlated. The prior of
    variants and of the first level counts only once, so the temperature is applied to both beforehand.
    """
    usual, power = Statistics(), 1 / fitted.inverse_temperature
    steps = {**fitted.steps_mm, **{step: usual.steps_mm[step] for step in ANNOTATED_DIFFERENTLY}}
    most = max(usual.starts.values())
    return replace(
        fitted,
        steps_mm=steps,
        regions=None,
        pedicles=None,
        starts={level: most * (probability / most) ** power for level, probability in usual.starts.items()},
        variants={name: probability**power for name, probability in usual.variants.items()},
        ends=usual.ends,
        missed=usual.missed,
        false_rate=usual.false_rate,
    )
