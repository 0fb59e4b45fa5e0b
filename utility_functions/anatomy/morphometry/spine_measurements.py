"""Measurements of all vertebrae of a scan, and of the curves between them.

Heights and grades: Genant et al., J Bone Miner Res 1993;8:1137. Kyphosis is that from T4 to T12, lordosis that from L1
to L5 and from C3 to C7. The coronal angle is Cobb's (Instr Course Lect 1948;5:261).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.morphometry.vertebral_body import BodyShape, EndPlate, body_shape, core_intensities
from utility_functions.anatomy.parts import BODY
from utility_functions.geometry.boxes import widened
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

WITHOUT_BODY = ("C1", "C2")
"""Levels whose body has no two end plates."""
GRADES = ((0.40, 3), (0.25, 2), (0.20, 1))
"""The relative loss of height from which a semi-quantitative grade is suggested."""
LEAST_CORE_VOXELS = 30
CORONAL_CURVE = "largest coronal Cobb angle"
TRUNCATED, NO_BODY, TOO_LITTLE, CRUSHED = (
    "truncated by the field of view",
    "this level has no body with two end plates",
    "too little of the body was found",
    "its end plates cannot be told apart",
)


@dataclass(frozen=True)
class VertebraMeasurement:
    """One vertebra. Lengths in mm, volume in cm^3, angles in degrees, intensities as stored (HU in CT).

    problem: why the body was not measured; its figures are then None. grade: 0 to 3, as its heights suggest.
    mean, deviation: of the intensities in the trabecular core; None where there is too little of it.
    """

    level: str
    volume_cm3: float
    problem: str = ""
    shape: BodyShape | None = None
    mean: float | None = None
    deviation: float | None = None
    grade: int | None = None
    loss: float | None = None


@dataclass(frozen=True)
class DiscMeasurement:
    """A disc space, from the end plates beside it: heights in mm, and the slip of the upper vertebra.

    slip_mm: how far the lower back corner of the upper vertebra lies in front of the upper back corner of the lower
    one, along the lower one's end plate; negative behind it. slip_fraction: of the depth of that end plate.
    """

    upper: str
    lower: str
    anterior_mm: float
    middle_mm: float
    posterior_mm: float
    slip_mm: float
    slip_fraction: float


@dataclass(frozen=True)
class SpineAngle:
    """An angle between the upper end plate of one level and the lower one of another, in degrees."""

    name: str
    degrees: float
    upper: str
    lower: str


@dataclass(frozen=True)
class SpineMeasurements:
    """All measurements of one scan, from the top down."""

    vertebrae: tuple[VertebraMeasurement, ...] = ()
    discs: tuple[DiscMeasurement, ...] = ()
    angles: tuple[SpineAngle, ...] = field(default=())


def measured_spine(
    instances: LabelMap,
    parts: LabelMap,
    landmarks: Landmarks,
    image: Volume,
    truncated: Sequence[str] = (),
    graded: bool = True,
) -> SpineMeasurements:
    """The measurements of the vertebrae in ``instances`` (VerSe ids of whole vertebrae).

    parts: the part of each voxel (anatomy/parts.py), on the grid of ``instances``, as is ``image``. landmarks: the body
    centres.
    truncated: levels that the field of view truncates; of these only the volume in the scan is told.
    graded: whether the loss of height and the grade are told.
    """
    names = [name for name in sorted(landmarks.names, key=anatomical_order) if name in VERTEBRAE]
    found = []
    boxes = dict(enumerate(ndimage.find_objects(instances.voxels), start=1))
    for name in names:
        box = boxes.get(VERSE_IDS[name])
        if box is not None:
            found.append(_vertebra(name, box, instances, parts, landmarks, image, truncated))
    shapes = {each.level: each.shape for each in found if each.shape is not None}
    return SpineMeasurements(tuple(_graded(found) if graded else found), tuple(_discs(shapes)), tuple(_angles(shapes)))


def _vertebra(
    name: str,
    box: tuple[slice, ...],
    instances: LabelMap,
    parts: LabelMap,
    landmarks: Landmarks,
    image: Volume,
    truncated: Sequence[str],
) -> VertebraMeasurement:
    box = widened(box, 1)
    first = [axis.start for axis in box]
    mask = instances.voxels[box] == VERSE_IDS[name]
    grid = instances.grid.window(first, mask.shape)
    volume = float(mask.sum()) * grid.voxel_volume_mm3 / 1000
    if name in truncated:
        return VertebraMeasurement(name, volume, TRUNCATED)
    if name in WITHOUT_BODY:
        return VertebraMeasurement(name, volume, NO_BODY)
    of_body = parts.voxels[box] == BODY
    body = _largest(mask & of_body)
    arch = mask & ~of_body
    if not body.any():
        return VertebraMeasurement(name, volume, TOO_LITTLE)
    centre = grid.to_mm(np.argwhere(body)).mean(axis=0)
    back = grid.to_mm(np.argwhere(arch)).mean(axis=0) - centre if arch.any() else np.array([0.0, -1.0, 0.0])
    shape = body_shape(body, grid, _direction(name, landmarks), back)
    if shape is None:
        return VertebraMeasurement(name, volume, TOO_LITTLE)
    core = core_intensities(image.voxels[box], body, grid, shape)
    if len(core) < LEAST_CORE_VOXELS:
        return VertebraMeasurement(name, volume, shape=shape)
    return VertebraMeasurement(name, volume, shape=shape, mean=float(core.mean()), deviation=float(core.std()))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(mask)
    return mask if count < 2 else np.asarray(pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax()))


def _direction(name: str, landmarks: Landmarks) -> NDArray[np.float64]:
    """The direction of the spine at a level, upwards: between the centres of its neighbours."""
    line = [each for each in sorted(landmarks.names, key=anatomical_order) if each in VERTEBRAE or each == "S1"]
    place = line.index(name)
    above, below = line[max(place - 1, 0)], line[min(place + 1, len(line) - 1)]
    if above == below:
        return np.array([0.0, 0.0, 1.0])
    return np.asarray(landmarks.point(above) - landmarks.point(below))


def _graded(found: Sequence[VertebraMeasurement]) -> list[VertebraMeasurement]:
    """With the loss of height and the grade that it suggests.

    The loss is the largest of: front against back, middle against back, back against the backs of the neighbours.
    """
    backs = {each.level: each.shape.posterior_mm for each in found if each.shape is not None}
    levels = list(backs)
    graded = []
    for each in found:
        if each.shape is None:
            graded.append(each)
            continue
        place = levels.index(each.level)
        near = [backs[levels[i]] for i in (place - 1, place + 1) if 0 <= i < len(levels)]
        usual = float(np.mean(near)) if near else backs[each.level]
        back = each.shape.posterior_mm
        ratios = (each.shape.anterior_mm / back, each.shape.middle_mm / back, back / usual)
        loss = max(0.0, 1 - min(ratios))
        grade = next((grade for limit, grade in GRADES if loss >= limit), 0)
        graded.append(
            VertebraMeasurement(
                each.level, each.volume_cm3, "", each.shape, each.mean, each.deviation, grade, round(loss, 4)
            )
        )
    return graded


def _discs(shapes: Mapping[str, BodyShape]) -> list[DiscMeasurement]:
    found = []
    for (upper, above), (lower, below) in pairwise(shapes.items()):
        if not _neighbours(upper, lower):
            continue
        plate = below.upper
        normal = (above.lower.normal + plate.normal) / np.linalg.norm(above.lower.normal + plate.normal)
        pairs = (
            (above.corner(False, True), below.corner(True, True)),
            (above.lower.centre_mm, plate.centre_mm),
            (above.corner(False, False), below.corner(True, False)),
        )
        anterior, middle, posterior = (float(np.dot(top - bottom, normal)) for top, bottom in pairs)
        along = below.corner(True, True) - below.corner(True, False)
        depth = float(np.linalg.norm(along))
        slip = float(np.dot(above.corner(False, False) - below.corner(True, False), along / depth))
        found.append(DiscMeasurement(upper, lower, anterior, middle, posterior, slip, slip / depth))
    return found


def _neighbours(upper: str, lower: str) -> bool:
    """Whether a patient can have no vertebra between two levels; T13 and L6 are often missing."""
    usual = [name for name in VERTEBRAE if name not in ("T13", "L6") or name in (upper, lower)]
    return usual.index(lower) - usual.index(upper) == 1


def _angles(shapes: Mapping[str, BodyShape]) -> list[SpineAngle]:
    found = []
    for name, upper, lower, sign in (
        ("thoracic kyphosis T4-T12", "T4", "T12", 1.0),
        ("lumbar lordosis L1-L5", "L1", "L5", -1.0),
        ("cervical lordosis C3-C7", "C3", "C7", -1.0),
    ):
        if upper in shapes and lower in shapes:
            across = _mean_direction([shapes[upper].right, shapes[lower].right])
            found.append(
                SpineAngle(name, sign * shapes[lower].lower.angle_to(shapes[upper].upper, -across), upper, lower)
            )
    if len(shapes) > 1:
        ahead = _mean_direction([shape.anterior for shape in shapes.values()])
        angles = [
            (abs(shapes[low].lower.angle_to(shapes[up].upper, ahead)), up, low) for up, low in combinations(shapes, 2)
        ]
        degrees, up, low = max(angles)
        found.append(SpineAngle(CORONAL_CURVE, degrees, up, low))
    return found


def _mean_direction(vectors: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = np.sum(vectors, axis=0)
    return np.asarray(total / np.linalg.norm(total))


def plate_columns(plate: EndPlate) -> dict[str, float]:
    """Centre and normal of an end plate by column, RAS+ mm."""
    names = ("x_ras_mm", "y_ras_mm", "z_ras_mm")
    return {f"centre_{name}": float(value) for name, value in zip(names, plate.centre_mm, strict=True)} | {
        f"normal_{axis}": float(value) for axis, value in zip("xyz", plate.normal, strict=True)
    }
