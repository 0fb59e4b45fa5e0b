"""A synthetic CT or MR scan: a random patient, a random field of view, noise and blur, in a random orientation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid, direction_matrix
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.phantom.artefacts import Motion
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.field_of_view import (
    REGIONS,
    USUAL,
    FieldOfView,
    NotReconstructed,
    draw_field,
    draw_mr_slices,
    draw_slab,
    draw_slices,
)
from utility_functions.phantom.imaging import draw_scanner, image, through_slices
from utility_functions.phantom.mr_canvas import MrCanvas
from utility_functions.phantom.mr_imaging import draw_mr_scanner, mr_image
from utility_functions.phantom.painting import atlas_centre, paint_patient
from utility_functions.phantom.posture import draw_spine, rotation
from utility_functions.phantom.resonance import KINDS as CONTRASTS
from utility_functions.phantom.resonance import draw_signals
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.surroundings import paint_surroundings
from utility_functions.phantom.texture import Texture
from utility_functions.phantom.torso import Torso, draw_torso

__all__ = ["KINDS", "REGIONS", "PhantomScan", "make_phantom"]

CT = "ct"
KINDS = (CT, *CONTRASTS)
"""The kinds of scans of a phantom."""

V = TypeVar("V", bound=Volume)
Boxed = Callable[[Spine, Torso], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""The lowest and the highest corner of a scanned box, in mm in the patient's frame."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PhantomScan:
    """A scan with its truth.

    volume: int16 HU, or MR intensities on an arbitrary scale. label_map: uint8 VerSe ids.
    tissues: uint8 codes of tissue.TISSUES. landmarks: the body centres.
    """

    name: str
    volume: Volume
    label_map: LabelMap
    tissues: LabelMap
    landmarks: Landmarks


def make_phantom(
    rng: np.random.Generator,
    name: str = "phantom",
    region: str | None = None,
    spacing_mm: ArrayLike | None = None,
    axcodes: str | None = None,
    kind: str = "ct",
    boxed: Boxed | None = None,
) -> PhantomScan:
    """A random phantom scan. Patient and field of view depend on ``rng`` and region alone, not on the other options.

    region: one of REGIONS; None: random. "usual" also makes a healthy spine.
    spacing_mm: along right, anterior, superior (or one number); None: random.
    axcodes: the storage of the array; None: one of the 48 orientations at random.
    kind: one of KINDS; MR shows the same patient in sagittal slices, or less often in axial or coronal ones.
    boxed: the field of view of a CT of the same patient, in place of a region's.
    """
    if kind not in KINDS:
        raise ValueError(f"A kind of scan is one of {', '.join(KINDS)}. Received: {kind!r}.")
    if region is not None and region not in REGIONS:
        raise ValueError(f"A region is one of {', '.join(REGIONS)}. Received: {region!r}.")
    if axcodes is not None:
        direction_matrix(axcodes)
    if spacing_mm is not None:
        requested_mm = np.broadcast_to(np.asarray(spacing_mm, float), 3)
        if not (np.isfinite(requested_mm).all() and (requested_mm > 0).all()):
            raise ValueError(f"Voxel spacing must be above zero. Received: {spacing_mm!r} mm.")
    # Each part has its own random stream, so that none depends on the others: above all, no patient depends on the
    # voxels.
    streams = np.random.SeedSequence([int(word) for word in rng.integers(2**32, size=4)]).spawn(11)
    posture, bones, outline, view, lattice, appearance, around, taking, grain, noise, marrow = map(
        np.random.default_rng, streams
    )

    oblique, turned, place = _draw_pose(posture)
    tilt = rotation(*posture.normal(0, (3, 2.5, 4)))
    spine = draw_spine(bones, oblique.T @ tilt, healthy=region == USUAL)
    torso = draw_torso(spine, outline)
    slices = draw_slices(lattice) if kind == CT else draw_mr_slices(lattice)
    field = draw_field(spine, torso, view, region) if kind == CT else draw_slab(spine, view, region, slices.axis)
    if boxed is not None:
        field = FieldOfView(*boxed(spine, torso), whole_circle=False)
    stored = ALL_ORIENTATIONS[int(lattice.integers(48))] if axcodes is None else axcodes
    spacing = slices.affordable(field.high - field.low) if spacing_mm is None else requested_mm
    planes, overlap = slices.planes(spacing), slices.overlap_at(spacing)
    if kind != CT and spacing[slices.axis] < 0.85 * slices.spacing[slices.axis]:
        planes = 1  # what is painted finer than it was acquired is averaged afterwards
    layout = _layout(field, spacing, slices.axis, planes)
    if kind == CT:
        scanner = draw_scanner(taking, overlap)
        canvas = Canvas(*layout)
        canvas.texture = Texture(canvas.shape, canvas.spacing, grain)
        paint_patient(canvas, spine, torso, appearance)
        paint_surroundings(canvas, torso, around)
        canvas.finished()
        if scanner.motion is not None:
            scanner.motion.move(canvas)
        landmarks = _landmarks(spine, field, scanner.motion)
        through_slices(canvas, slices.axis, planes, overlap)
        centres_mm = np.array([point for _, point in landmarks]).reshape(-1, 3)
        not_reconstructed = NotReconstructed(canvas, centres_mm if len(centres_mm) else spine.centres, field, view)
        shown = image(canvas, torso, scanner, not_reconstructed, noise)
    else:
        mr_scanner = draw_mr_scanner(taking, kind)
        canvas = MrCanvas(*layout, draw_signals(mr_scanner.sequence, spine.pathology.age, taking), marrow)
        canvas.texture = Texture(canvas.shape, canvas.spacing, grain)
        paint_patient(canvas, spine, torso, appearance)
        canvas.finished()
        landmarks = _landmarks(spine, field, None)
        shown = mr_image(canvas, spine, torso, mr_scanner, slices, planes, overlap, noise)

    affine = np.eye(4)
    affine[:3, :3] = turned @ oblique * canvas.spacing
    affine[:3, 3] = turned @ oblique @ canvas.origin + place
    grid = Grid(canvas.shape, affine)

    def stored_as(voxels: NDArray[np.generic], kind: type[V]) -> V:
        reoriented = kind(voxels, grid).reoriented(stored)
        return kind(np.ascontiguousarray(reoriented.voxels), reoriented.grid)

    return PhantomScan(
        name,
        stored_as(shown, Volume),
        stored_as(canvas.labels, LabelMap),
        stored_as(canvas.tissues, LabelMap),
        Landmarks(landmarks.names, landmarks.points_mm @ (turned @ oblique).T + place),
    )


def _draw_pose(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The tilt of the slices, the patient orientation, and the position in mm."""
    tilted, chance = rng.random(), rng.random()
    angles, gantry, roll = rng.normal(0, 6, 3), rng.uniform(-22, 22), rng.normal(0, 15)
    quarter = float(rng.choice([-90, 90, 180]))
    oblique = rotation(*angles) if tilted < 0.28 else rotation(gantry) if tilted < 0.35 else np.eye(3)
    turned = rotation(yaw=quarter) if chance < 0.008 else rotation(yaw=roll) if chance < 0.06 else np.eye(3)
    return oblique, turned, rng.uniform(-150, 150, 3)


def _layout(
    field: FieldOfView, spacing: FloatArray, axis: int, planes: int
) -> tuple[tuple[int, int, int], FloatArray, FloatArray]:
    """Shape, spacing and origin of a canvas over a field of view: ``planes`` voxels to each slice across ``axis``."""
    shape = np.maximum(np.round((field.high - field.low) / spacing), 8).astype(int)
    many = np.where(np.arange(3) == axis, planes, 1)
    x, y, z = (int(count) for count in shape * many)
    return (x, y, z), spacing / many, field.low + spacing / many / 2


def _landmarks(spine: Spine, field: FieldOfView, motion: Motion | None) -> Landmarks:
    """The body centres inside a field of view, in its frame; of C1, the centre of its ring."""
    points = {vertebra.name: vertebra.frame.origin for vertebra in spine.vertebrae}
    points["C1"] = atlas_centre(spine["C1"])
    if motion is not None:
        heights = np.array([point[2] for point in points.values()])
        moved = motion.at((heights - field.low[2]) / (field.high[2] - field.low[2]))
        points = {name: point + step for (name, point), step in zip(points.items(), moved, strict=True)}
    inside = {name: p for name, p in points.items() if (p > field.low).all() and (p < field.high).all()}
    return Landmarks(tuple(inside), np.array(list(inside.values())).reshape(-1, 3))
