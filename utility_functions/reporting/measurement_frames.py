"""The measurements of one scan as a frame of vertebrae, and as the JSON record of everything measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from utility_functions.anatomy.morphometry.spine_measurements import (
    DiscMeasurement,
    SpineMeasurements,
    VertebraMeasurement,
    plate_columns,
)

UNITS: Mapping[str, str] = {
    "volume_cm3": "cm^3 of the whole vertebra's mask",
    "anterior_height_mm": "mm between the end plates at 10 % of the depth from the front, in the mid-sagittal 10 mm",
    "middle_height_mm": "mm at half the depth",
    "posterior_height_mm": "mm at 90 % of the depth",
    "depth_mm": "mm, front to back",
    "width_mm": "mm, side to side",
    "anterior_to_posterior": "ratio of heights",
    "middle_to_posterior": "ratio of heights",
    "height_loss": "largest loss of height: of front or middle against back, or of the back against its neighbours",
    "suggested_grade": "0 to 3 by the loss (Genant et al. 1993): from 20 %, 25 % and 40 %",
    "wedge_deg": "degrees between the end plates in the sagittal plane; negative where the front is lower",
    "core_mean": "mean intensity in the trabecular core; HU in CT",
    "core_sd": "its standard deviation",
    "disc_anterior_mm": "mm between the end plates beside the disc below, in front",
    "disc_middle_mm": "the same in the middle",
    "disc_posterior_mm": "the same behind",
    "slip_mm": "mm by which this vertebra's lower back corner lies in front of the upper back corner of the next one",
    "slip_fraction": "the slip as a fraction of the depth of the next vertebra's upper end plate",
}
"""What each column holds. Positions and normals of end plates are RAS+ mm."""
_PLATES = ("upper_plate", "lower_plate")


def measurement_frame(measured: SpineMeasurements) -> pd.DataFrame:
    """A row per vertebra from the top down; what was not measured is missing, with the reason in ``problem``."""
    below = {disc.upper: disc for disc in measured.discs}
    rows = [{"level": each.level, **_vertebra(each), **_disc(below.get(each.level))} for each in measured.vertebrae]
    plates = [f"{plate}_{name}" for plate in _PLATES for name in _plate_names()]
    frame = pd.DataFrame(rows, columns=["level", *UNITS, *plates, "problem"])
    numbers = dict.fromkeys([*(name for name in UNITS if name != "suggested_grade"), *plates], "float64")
    return frame.astype({"level": "object", "problem": "object", "suggested_grade": "Int64", **numbers})


def measurement_record(measured: SpineMeasurements) -> dict[str, Any]:
    """Everything measured, for JSON: vertebrae, discs, angles, and what each figure means."""
    frame = measurement_frame(measured)
    vertebrae = [
        {name: value for name, value in row.items() if not pd.isna(value) and value != ""}
        for row in frame.to_dict("records")
    ]
    return {
        "vertebrae": vertebrae,
        "angles": [
            {"name": each.name, "degrees": each.degrees, "upper": each.upper, "lower": each.lower}
            for each in measured.angles
        ],
        "definitions": dict(UNITS),
    }


def _vertebra(each: VertebraMeasurement) -> dict[str, Any]:
    found: dict[str, Any] = {"volume_cm3": each.volume_cm3, "problem": each.problem}
    found |= {"core_mean": each.mean, "core_sd": each.deviation}
    found |= {"suggested_grade": each.grade, "height_loss": each.loss}
    if (shape := each.shape) is None:
        return found
    found |= {
        "anterior_height_mm": shape.anterior_mm,
        "middle_height_mm": shape.middle_mm,
        "posterior_height_mm": shape.posterior_mm,
        "depth_mm": shape.depth_mm,
        "width_mm": shape.width_mm,
        "anterior_to_posterior": shape.anterior_mm / shape.posterior_mm,
        "middle_to_posterior": shape.middle_mm / shape.posterior_mm,
        "wedge_deg": shape.wedge_deg,
    }
    for name, plate in zip(_PLATES, (shape.upper, shape.lower), strict=True):
        found |= {f"{name}_{column}": value for column, value in plate_columns(plate).items()}
    return found


def _disc(disc: DiscMeasurement | None) -> dict[str, Any]:
    if disc is None:
        return {}
    return {
        "disc_anterior_mm": disc.anterior_mm,
        "disc_middle_mm": disc.middle_mm,
        "disc_posterior_mm": disc.posterior_mm,
        "slip_mm": disc.slip_mm,
        "slip_fraction": disc.slip_fraction,
    }


def _plate_names() -> list[str]:
    return [*(f"centre_{axis}_ras_mm" for axis in "xyz"), *(f"normal_{axis}" for axis in "xyz")]
