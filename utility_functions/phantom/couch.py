"""The couch under the patient, painted after the body."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso


def paint_couch(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
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
