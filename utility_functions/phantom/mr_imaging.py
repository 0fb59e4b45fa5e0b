"""The MR scanner: chemical shift, slice thickness, coil sensitivity, noise, arbitrary scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.phantom.imaging import through_slices
from utility_functions.phantom.mr_canvas import MrCanvas
from utility_functions.phantom.resonance import SpinEcho, draw_sequence
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.texture import between
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso

F32 = np.float32
VOID_MM = 3.5
"""The radius of the signal void round metal."""


@dataclass(frozen=True)
class MrScanner:
    """The settings of an MR scan.

    blur: point spread (deviation) in pixels of the slice. noise: deviation as a fraction of fat's signal.
    coil_mm: depth from the skin of the back at which the sensitivity of the coil has fallen off. evened: the corrected
    fraction of this inhomogeneity. drop: the loss of signal at the upper and lower edge, 0 to 1.
    wave: strength of a further smooth inhomogeneity (standard deviation of its logarithm), and its seven phases and
    rotations. dark_from_mm: distance in front of the bodies from which a saturation band begins; None: no band.
    bright: the number of the brightest voxels, without outliers.
    """

    sequence: SpinEcho
    blur: float
    noise: float
    coil_mm: float
    evened: float
    drop: float
    wave: float
    phases: tuple[float, ...]
    dark_from_mm: float | None
    bright: float


def draw_mr_scanner(rng: np.random.Generator, kind: str) -> MrScanner:
    """Random settings for one of resonance.KINDS."""
    sequence = draw_sequence(rng, kind)
    evened, dark = rng.random(2)
    return MrScanner(
        sequence=sequence,
        blur=float(rng.uniform(0.35, 0.7)),
        noise=float(np.exp(rng.uniform(np.log(0.012), np.log(0.07)))),
        coil_mm=float(rng.uniform(70, 180)),
        evened=0.0 if evened < 0.45 else float(rng.uniform(0.5, 1.0)),
        drop=float(rng.uniform(0, 0.6)),
        wave=float(rng.uniform(0.03, 0.15)),
        phases=tuple(float(value) for value in rng.uniform(0, 1, 7)),
        dark_from_mm=float(rng.uniform(8, 40)) if dark < 0.4 else None,
        bright=float(np.exp(rng.uniform(np.log(180), np.log(4000)))),
    )


def mr_image(
    canvas: MrCanvas,
    spine: Spine,
    torso: Torso,
    scanner: MrScanner,
    planes: int,
    overlap: float,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """The scan of a painted canvas, in numbers from 0 up; labels and tissues are reduced to its slices.

    planes, overlap: see imaging.through_slices; slices lie side by side along the first axis.
    rng: of the noise of single voxels alone.
    """
    canvas.hu = canvas.water + _misplaced(canvas, scanner.sequence)
    metal = canvas.tissues == TISSUE_CODES["metal"]
    if metal.any():
        near = ndimage.gaussian_filter(metal.astype(F32), VOID_MM / canvas.spacing, truncate=3.0)
        canvas.hu *= np.exp(-60 * near)
    canvas.water = canvas.fat = np.zeros((0, 0, 0), F32)
    through_slices(canvas, 0, planes, overlap)
    magnitude = canvas.hu
    for axis in (1, 2):
        magnitude = ndimage.gaussian_filter1d(magnitude, scanner.blur, axis=axis, mode="nearest", truncate=3.0)
    magnitude *= sensitivity(canvas, spine, torso, scanner)
    level = float(canvas.signals.fat[TISSUE_CODES["fat"]])
    deviation = F32(scanner.noise * level)
    real = magnitude + deviation * rng.standard_normal(magnitude.shape, dtype=F32)
    imaginary = deviation * rng.standard_normal(magnitude.shape, dtype=F32)
    magnitude = np.hypot(real, imaginary)  # magnitudes of noisy complex signals: Rician (Gudbjartsson and Patz 1995)
    brightest = max(float(np.quantile(magnitude, 0.995)), 1e-6)
    return np.clip(np.rint(magnitude * F32(scanner.bright / brightest)), 0, 32767).astype(np.int16)


def sensitivity(canvas: MrCanvas, spine: Spine, torso: Torso, scanner: MrScanner) -> Field:
    """The sensitivity (x, y, z), about 1 at the spine."""
    x, y, z = (canvas.axis(axis).astype(float) for axis in range(3))
    _, middle, _, back, _, _ = torso.skin(z)
    order = np.argsort(spine.centres[:, 2])
    bodies = np.interp(z, spine.centres[order, 2], spine.centres[order, 1])
    deep = np.maximum(y[:, None] - (middle - back), 0) / scanner.coil_mm
    at_spine = np.maximum(bodies - (middle - back), 0) / scanner.coil_mm
    plane = ((1 + deep**2) / (1 + at_spine**2)) ** (-0.75 * (1 - scanner.evened))
    half = (z[-1] - z[0]) / 2 + 1e-6
    plane = plane * (1 - scanner.drop * np.abs((z - z.mean()) / half) ** 6)
    if scanner.dark_from_mm is not None:
        edge = bodies + spine.centres[:, 1].std() + 22 + scanner.dark_from_mm
        plane = plane * (0.12 + 0.88 / (1 + np.exp(np.clip((y[:, None] - edge) / 3.0, -30, 30))))
    a, b, c, d, e, f, g = scanner.phases
    turns = [2 * np.pi * (axis / 300 * (0.5 + fraction)) for axis, fraction in ((x, a), (y, b), (z, c))]
    wave = np.sin(turns[0] + 6.28 * d)[:, None, None] + np.sin(turns[1] + 6.28 * e)[None, :, None]
    wave = wave + np.sin(turns[2] + 6.28 * f)[None, None, :] * (1 + g)
    return (plane[None] * np.exp(scanner.wave * wave)).astype(F32)


def _misplaced(canvas: MrCanvas, sequence: SpinEcho) -> Field:
    """The fat signal with its chemical shift along one axis."""
    axis = 1 if sequence.forward else 2
    places = np.arange(canvas.shape[axis]) - sequence.fat_shift_mm / canvas.spacing[axis]
    return between(canvas.fat, np.clip(places, 0, canvas.shape[axis] - 1), axis)
