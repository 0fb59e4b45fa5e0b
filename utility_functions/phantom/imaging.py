"""What the scanner adds: its couch, its round field, empty corners of a reformatted scan, kernel and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso

EMPTY_HU = -1024.0
KEPT_MM = 45.0
"""Nothing nearer than this to a body centre is left out of the reconstruction."""


def image(canvas: Canvas, torso: Torso, centres: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Turn painted HU into a scan: ``centres`` (levels, 3) are the body centres that must stay in view."""
    if rng.random() < 0.75:
        _add_couch(canvas, torso, rng)
    _blur(canvas, rng)
    _add_noise(canvas, torso, rng)
    kind = rng.random()
    if kind < 0.15:
        _round_field(canvas, centres, rng)
    elif kind < 0.3:
        _cut_edges(canvas, centres, rng)
    np.clip(canvas.hu, EMPTY_HU, 3071, out=canvas.hu)
    np.rint(canvas.hu, out=canvas.hu)


def _add_couch(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """A flat or hollowed shell of carbon fibre with foam inside, under the back; seen only in wide scans."""
    x, y, z = (canvas.axis(axis).astype(float) for axis in range(3))
    across, along, _, back, _, _ = torso.skin(z)
    lowest = float((along - back).min()) - rng.uniform(1, 8)
    if y[0] > lowest:
        return
    middle = float(across.mean())
    hollow = rng.uniform(0, 0.0012)
    surface = lowest + hollow * ((x - middle) ** 2).clip(0, 250.0**2)
    thick = rng.uniform(15, 45)
    depth = surface[:, None] - y[None, :]
    width = max(2.0, float(canvas.spacing[1]))
    shell = np.maximum(1 - np.abs(depth) / width, 1 - np.abs(depth - thick) / width).clip(0, 1)
    foam = ((depth > 0) & (depth < thick)) * 0.12
    share = np.maximum(shell * 0.9, foam).astype(np.float32)[:, :, None]
    rows = slice(0, int(np.searchsorted(y, surface.max() + 3)))
    part = canvas.hu[:, rows]
    outside = part < -500
    part += share[:, rows] * (outside * np.float32(rng.uniform(700, 950)))
    canvas.tissues[:, rows][outside & (share[:, rows] > 0.4)] = TISSUE_CODES["couch"]


def _blur(canvas: Canvas, rng: np.random.Generator) -> None:
    """The point spread of the scanner; hard kernels then lift edges."""
    hu = canvas.hu
    width_mm = rng.uniform(0.3, 0.8)
    for axis in range(3):
        hu = gaussian_filter1d(hu, width_mm / canvas.spacing[axis] ** 0.5, axis=axis, truncate=2.5, mode="nearest")
    if rng.random() < 0.3:
        strength = np.float32(rng.uniform(0.2, 0.8))
        smooth = hu
        for axis in (0, 1):
            smooth = gaussian_filter1d(smooth, 1.0 / canvas.spacing[axis], axis=axis, truncate=2.5, mode="nearest")
        hu = hu + strength * (hu - smooth)
    canvas.hu = hu


def _add_noise(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """Noise correlated in the axial plane, stronger where the body is wide."""
    noise: Field = rng.standard_normal(canvas.shape, dtype=np.float32)
    grain = rng.uniform(0.35, 0.9, 2) * (1 if rng.random() < 0.7 else rng.uniform(1, 2, 2))
    for axis in (0, 1):
        noise = gaussian_filter1d(noise, grain[axis], axis=axis, truncate=2.5, mode="wrap")
    noise /= max(float(noise[:: max(1, canvas.shape[0] // 32)].std()), 1e-3)
    wide = torso.skin(canvas.axis(2).astype(float))[2]
    strength = np.exp(rng.uniform(np.log(6), np.log(55))) * np.exp((wide - 150) / 150)
    canvas.hu += noise * strength.astype(np.float32)


def _round_field(canvas: Canvas, centres: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Empty corners outside the circle that was reconstructed."""
    x, y = (canvas.axis(axis).astype(float) for axis in (0, 1))
    middle = np.array([x.mean(), y.mean()])
    far = np.linalg.norm(centres[:, :2] - middle, axis=1).max() + KEPT_MM + 20
    radius = max(max(np.ptp(x), np.ptp(y)) / 2 * rng.uniform(1.0, 1.05), far)
    outside = (x[:, None] - middle[0]) ** 2 + (y[None, :] - middle[1]) ** 2 > radius**2
    canvas.hu[outside] = EMPTY_HU
    canvas.labels[outside] = 0
    canvas.tissues[outside] = 0


def _cut_edges(canvas: Canvas, centres: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Slanting empty edges, as where a scan was turned or reformatted along the spine."""
    z = canvas.axis(2).astype(float)
    rise = z - z.mean()
    for axis in (0, 1):
        along = canvas.axis(axis).astype(float)
        slant = rng.normal(0, 0.12) * rise
        low, high = along[0] + rng.uniform(0, 12) + slant, along[-1] - rng.uniform(0, 12) + slant
        shift = np.interp(centres[:, 2], z, slant)
        low = low + min(0.0, float((centres[:, axis] - KEPT_MM - shift).min() - (low - slant)[0]))
        high = high + max(0.0, float((centres[:, axis] + KEPT_MM - shift).max() - (high - slant)[0]))
        empty = (along[:, None] < low[None, :]) | (along[:, None] > high[None, :])
        where = np.broadcast_to(empty[:, None, :] if axis == 0 else empty[None, :, :], canvas.shape)
        canvas.hu[where] = EMPTY_HU
        canvas.labels[where] = 0
        canvas.tissues[where] = 0
