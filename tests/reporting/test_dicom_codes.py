"""Codes of DICOM objects: all levels and quantities have one, and the documents list our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from utility_functions.anatomy.labels import LEVELS, USUAL_VERTEBRAE, VERTEBRAE
from utility_functions.anatomy.morphometry import spine_measurements
from utility_functions.reporting.dicom_codes import (
    ANGLES,
    DISCAL,
    SCHEME,
    VERTEBRAL,
    disc_code,
    level_code,
    level_region,
)
from utility_functions.reporting.measurement_frames import UNITS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "dicom.md"


def test_every_column_of_measurements_is_a_quantity() -> None:
    assert set(VERTEBRAL) | set(DISCAL) == set(UNITS)


def test_every_angle_has_a_code() -> None:
    source = Path(spine_measurements.__file__).read_text(encoding="utf-8")
    names = {*re.findall(r'\("([a-z]+ (?:kyphosis|lordosis) [^"]+)", "', source), spine_measurements.CORONAL_CURVE}
    assert names == set(ANGLES)


def test_usual_levels_have_codes_of_their_own_and_variants_a_region() -> None:
    codes = {level: level_code(level).value for level in LEVELS if level != "S2"}
    assert len({codes[level] for level in (*USUAL_VERTEBRAE, "S1")}) == 25
    assert {level for level in VERTEBRAE if level_region(level) is not None} == {"T13", "L6"}
    assert codes["T13"] == codes["L6"] == "51282000"


@pytest.mark.parametrize(("upper", "lower"), [("C2", "C3"), ("C7", "T1"), ("T12", "L1"), ("L5", "S1")])
def test_discs_between_usual_levels_have_codes_of_their_own(upper: str, lower: str) -> None:
    assert disc_code(upper, lower).meaning == f"{upper}/{lower} disc"


def test_the_reference_lists_our_own_codes() -> None:
    own = {each.name for each in (*VERTEBRAL.values(), *DISCAL.values())} | set(ANGLES.values())
    own |= {each.method for each in VERTEBRAL.values() if each.method is not None}
    own = {code for code in own if code.scheme_designator == SCHEME}
    listed = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]+?) \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {code.value: code.meaning for code in own}
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in own)
