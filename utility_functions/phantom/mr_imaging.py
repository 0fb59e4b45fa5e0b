"""The MR scanner: chemical shift, slice thickness, coil sensitivity, noise, artefacts, arbitrary scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.phantom.coil import Coil, draw_coil, saturated, sensitivity
from utility_functions.phantom.field_of_view import Slices
from utility_functions.phantom.imaging import through_slices
from utility_functions.phantom.mr_artefacts import MrArtefacts, distort, draw_mr_artefacts, through_thick_slices
from utility_functions.phantom.mr_canvas import MrCanvas
from utility_functions.phantom.resonance import PulseSequence, draw_sequence
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.texture import between
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso

F32 = np.float32


@dataclass(frozen=True)
class MrScanner:
    """The settings of an MR scan.

    blur: point spread (deviation) in pixels of the slice. noise: deviation as a fraction of fat's signal at the spine.
    evened: the corrected fraction of the coil's inhomogeneity. void_mm: the radius of the signal void round metal.
    bright: the number of the brightest voxels; ``clipped`` is the fraction of voxels at or above it.
    """

    sequence: PulseSequence
    coil: Coil
    artefacts: MrArtefacts
    blur: float
    noise: float
    evened: float
    void_mm: float
    bright: float
    clipped: float


def draw_mr_scanner(rng: np.random.Generator, kind: str) -> MrScanner:
    """Random settings for one of resonance.KINDS."""
    sequence = draw_sequence(rng, kind)
    evened, windowed = rng.random(2)
    void = rng.uniform(3, 6) if sequence.flip_degrees is None else rng.uniform(6, 12)
    return MrScanner(
        sequence=sequence,
        coil=draw_coil(rng),
        artefacts=draw_mr_artefacts(rng),
        blur=float(rng.uniform(0.3, 0.8)),
        noise=float(np.exp(rng.uniform(np.log(0.008), np.log(0.07)))),
        evened=0.0 if evened < 0.6 else float(rng.uniform(0.4, 1.0)),
        void_mm=float(void),
        bright=255.0 if windowed < 0.25 else float(np.exp(rng.uniform(np.log(180), np.log(4000)))),
        clipped=float(rng.uniform(0.005, 0.04)) if windowed < 0.25 else 0.0,
    )


def mr_image(
    canvas: MrCanvas,
    spine: Spine,
    torso: Torso,
    scanner: MrScanner,
    slices: Slices,
    planes: int,
    overlap: float,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """The scan of a painted canvas, in numbers from 0 up; labels and tissues are reduced to its slices.

    slices: as acquired; they are interpolated where the scan is finer across them. planes, overlap: see
    imaging.through_slices.
    rng: of the noise of single voxels alone.
    """
    sequence = scanner.sequence
    fat = _misplaced(canvas, sequence)
    canvas.hu = np.abs(canvas.water - fat) if sequence.opposed else canvas.water + fat
    metal = canvas.tissues == TISSUE_CODES["metal"]
    if metal.any():
        near = ndimage.gaussian_filter(metal.astype(F32), scanner.void_mm / canvas.spacing, truncate=3.0)
        canvas.hu *= np.exp(-60 * near)
    canvas.water = canvas.fat = np.zeros((0, 0, 0), F32)
    through_slices(canvas, slices.axis, planes, overlap)
    apart = float(slices.spacing[slices.axis])
    magnitude = through_thick_slices(
        canvas.hu, float(canvas.spacing[slices.axis]), slices.axis, apart, apart * slices.overlap
    )
    for axis in (axis for axis in range(3) if axis != slices.axis):
        magnitude = ndimage.gaussian_filter1d(magnitude, scanner.blur, axis=axis, mode="nearest", truncate=3.0)
    magnitude *= saturated(canvas, spine, scanner.coil)
    level = max(float((canvas.signals.water + canvas.signals.fat)[TISSUE_CODES["vertebra marrow"]]), 1e-3)
    seen = sensitivity(canvas, spine, torso, scanner.coil)
    magnitude = distort(magnitude * seen, canvas.spacing, scanner.artefacts, 2.5 * level)
    deviation = F32(scanner.noise * max(level, 0.5 * float(canvas.signals.fat[TISSUE_CODES["fat"]])))
    real = magnitude + deviation * rng.standard_normal(magnitude.shape, dtype=F32)
    imaginary = deviation * rng.standard_normal(magnitude.shape, dtype=F32)
    magnitude = np.hypot(real, imaginary)  # magnitudes of noisy complex signals: Rician (Gudbjartsson and Patz 1995)
    magnitude /= seen ** F32(scanner.evened)
    if scanner.artefacts.empty_mm > 0:
        count = round(scanner.artefacts.empty_mm / canvas.spacing[1])
        free = int(np.argmin(np.abs(canvas.axis(1) - spine.centres[:, 1].max() - 30)))
        magnitude[:, max(free, magnitude.shape[1] - count) :] = 0
    brightest = max(float(np.quantile(magnitude, 1 - (scanner.clipped or 0.005))), 1e-6)
    most = scanner.bright if scanner.clipped else 32767
    return np.clip(np.rint(magnitude * F32(scanner.bright / brightest)), 0, most).astype(np.int16)


def _misplaced(canvas: MrCanvas, sequence: PulseSequence) -> Field:
    """The fat signal with its chemical shift along one axis."""
    axis = 1 if sequence.forward else 2
    places = np.arange(canvas.shape[axis]) - sequence.fat_shift_mm / canvas.spacing[axis]
    return between(canvas.fat, np.clip(places, 0, canvas.shape[axis] - 1), axis)
