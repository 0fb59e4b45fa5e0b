"""The codes of DICOM objects: SNOMED CT for anatomy, DICOM's own and UCUM where they have one, else codes of our own.

Anatomy is that of DICOM's context groups 7603 (vertebrae) and 7604 (intervertebral discs). Neither they nor pydicom's
SNOMED CT have codes for T13 and L6: these are a vertebra of a region. docs/reference/dicom.md lists our own codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from utility_functions.anatomy.labels import region_of

SCHEME, SCHEME_NAME = "99SPINELEVELS", "Measurements of spine-levels"
"""The designator of our own codes, private as its 99 says, and the name of the scheme."""
STRUCTURE = codes.SCT.AnatomicalStructure
VERTEBRA, SPINE, CORD, CANAL = codes.SCT.Vertebra, codes.SCT.Spine, codes.SCT.SpinalCord, codes.SCT.VertebralCanal
DISC = Code("360499006", "SCT", "Intervertebral disc")
CENTRE, COMMENT, CERTAINTY = codes.DCM.Center, codes.DCM.Comment, codes.DCM.CertaintyOfFinding
ALGORITHM = codes.DCM.ArtificialIntelligence
PERCENT, DEGREE, MM = codes.UCUM.Percent, codes.UCUM.Degree, Code("mm", "UCUM", "millimeter")
RATIO, NO_UNITS = codes.UCUM.Ratio, codes.UCUM.NoUnits
_REGIONS = {
    "Cervical": codes.SCT.CervicalSpine,
    "Thoracic": codes.SCT.ThoracicSpine,
    "Lumbar": codes.SCT.LumbarSpine,
}
_OTHERS = {"S1": codes.SCT.Sacrum, "coccyx": codes.SCT.Coccyx}


def own_code(value: str, meaning: str) -> Code:
    """A code of our own."""
    return Code(value, SCHEME, meaning)


@dataclass(frozen=True)
class Quantity:
    """What a column of measurements is in a report.

    derivation: mean, standard deviation; None: the quantity itself. method: how it is taken, where the name leaves that
    open.
    """

    name: Code
    unit: Code
    derivation: Code | None = None
    method: Code | None = None


_CORE = own_code("CORE", "Trabecular core of the vertebral body")
_ATTENUATION = codes.DCM.AttenuationCoefficient, codes.UCUM.HounsfieldUnit
_MEAN, _DEVIATION = codes.SCT.Mean, codes.SCT.StandardDeviation
VERTEBRAL: Mapping[str, Quantity] = {
    "volume_cm3": Quantity(codes.SCT.Volume, codes.UCUM.CubicCentimeter),
    "anterior_height_mm": Quantity(own_code("ANT_HEIGHT", "Anterior height of vertebral body"), MM),
    "middle_height_mm": Quantity(own_code("MID_HEIGHT", "Middle height of vertebral body"), MM),
    "posterior_height_mm": Quantity(own_code("POST_HEIGHT", "Posterior height of vertebral body"), MM),
    "depth_mm": Quantity(own_code("BODY_DEPTH", "Depth of vertebral body"), MM),
    "width_mm": Quantity(own_code("BODY_WIDTH", "Width of vertebral body"), MM),
    "anterior_to_posterior": Quantity(own_code("ANT_POST_RATIO", "Anterior to posterior height"), RATIO),
    "middle_to_posterior": Quantity(own_code("MID_POST_RATIO", "Middle to posterior height"), RATIO),
    "height_loss": Quantity(own_code("HEIGHT_LOSS", "Relative loss of vertebral height"), RATIO),
    "suggested_grade": Quantity(own_code("SUGGESTED_GRADE", "Grade suggested by loss of height"), NO_UNITS),
    "wedge_deg": Quantity(own_code("WEDGE_ANGLE", "Sagittal wedge angle of vertebral body"), DEGREE),
    "core_mean": Quantity(*_ATTENUATION, _MEAN, _CORE),
    "core_sd": Quantity(*_ATTENUATION, _DEVIATION, _CORE),
}
"""The quantities of a vertebra, by their columns."""
DISCAL: Mapping[str, Quantity] = {
    "disc_anterior_mm": Quantity(own_code("ANT_DISC_HEIGHT", "Anterior height of disc space"), MM),
    "disc_middle_mm": Quantity(own_code("MID_DISC_HEIGHT", "Middle height of disc space"), MM),
    "disc_posterior_mm": Quantity(own_code("POST_DISC_HEIGHT", "Posterior height of disc space"), MM),
    "slip_mm": Quantity(own_code("SLIP", "Slip of vertebra on the next one"), MM),
    "slip_fraction": Quantity(own_code("SLIP_FRACTION", "Slip relative to depth of end plate"), RATIO),
}
"""The quantities of the disc space below a vertebra, by their columns."""
ANGLES: Mapping[str, Code] = {
    "thoracic kyphosis T4-T12": own_code("KYPHOSIS_T4_T12", "Thoracic kyphosis T4-T12"),
    "lumbar lordosis L1-L5": own_code("LORDOSIS_L1_L5", "Lumbar lordosis L1-L5"),
    "cervical lordosis C3-C7": own_code("LORDOSIS_C3_C7", "Cervical lordosis C3-C7"),
    "largest coronal Cobb angle": codes.SCT.CobbAngle,
}
"""The angles of a scan, by their names."""


def in_mr(quantity: Quantity) -> Quantity:
    """The quantity in MR, where intensities are no Hounsfield units."""
    if quantity.name != _ATTENUATION[0]:
        return quantity
    return Quantity(codes.DCM.MRSignalIntensity, codes.UCUM.ArbitraryUnit, quantity.derivation, quantity.method)


@cache
def _by_meaning(context_group: str) -> Mapping[str, Code]:
    group = {"vertebrae": codes.cid7603, "discs": codes.cid7604}[context_group]
    return {code.meaning: code for code in group.concepts.values()}


def level_code(level: str) -> Code:
    """The code of a vertebra, the sacrum (S1) or the coccyx; that of any vertebra for T13 and L6."""
    return _OTHERS.get(level) or _by_meaning("vertebrae").get(f"{level} vertebra", VERTEBRA)


def level_region(level: str) -> Code | None:
    """The part of the spine of a level that has no code of its own; None for others."""
    region = region_of(level)
    return _REGIONS[region] if region is not None and level_code(level) == VERTEBRA else None


def disc_code(upper: str, lower: str) -> Code:
    """The code of the disc between two levels; that of any disc where there is none for it."""
    return _by_meaning("discs").get(f"{upper}/{lower} disc", DISC)
