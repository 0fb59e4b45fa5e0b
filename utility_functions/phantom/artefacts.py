"""Artefacts of CT: beam hardening and cupping as a smooth shading, and steps where the patient moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.texture import between
from utility_functions.phantom.torso import Torso

STEP_MM = 7.0


class Shading:
    """A smooth field in HU: dark bands between dense bones, and cupping of a wide body.

    bands: HU lost halfway between two hips or shoulders. cupping: HU lost in the middle of the body.
    """

    def __init__(self, canvas: Canvas, torso: Torso, bands: float, cupping: float) -> None:
        steps = [max(1, round(STEP_MM / s)) for s in canvas.spacing]
        coarse = canvas.hu[:: steps[0], :: steps[1], :: steps[2]]
        bone: Field = np.clip((coarse - np.float32(180)) / np.float32(700), 0, 2)
        for axis in range(3):
            bone = gaussian_filter1d(bone, 0.6, axis=axis, truncate=2.5)
        size = [step * float(s) for step, s in zip(steps, canvas.spacing, strict=True)]
        field = np.float32(-bands / 60) * (_between_bones(bone, 0, size[0]) + 0.4 * _between_bones(bone, 1, size[1]))
        x, y, z = (canvas.axis(axis)[:: steps[axis]].astype(float) for axis in range(3))
        across, along, wide, back, front, _ = torso.skin(z)
        flat = (y[:, None] - along - (front - back) / 2) / ((front + back) / 2)
        off = ((x[:, None] - across) / wide)[:, None, :] ** 2 + flat**2
        field += (cupping * np.clip(off - 0.5, -0.5, 0.5)).astype(np.float32)
        for axis in range(3):
            field = gaussian_filter1d(field, 0.7, axis=axis, truncate=2.5)
        last = [(count - 1) * step for count, step in zip(field.shape, steps, strict=True)]
        places = [np.minimum(np.arange(n), end) / step for n, end, step in zip(canvas.shape, last, steps, strict=True)]
        self.field = between(field, places[2], 2)
        self.places = places

    def plane(self, number: int) -> Field:
        """The field (y, z) of one sagittal plane."""
        return between(between(self.field, self.places[0][number : number + 1], 0)[0], self.places[1], 0)


def _between_bones(bone: Field, axis: int, step_mm: float) -> Field:
    """The geometric mean of bone in mm on both sides along an axis: large between bones, 0 where one side is free."""
    before = np.cumsum(bone, axis=axis) * np.float32(step_mm)
    whole = np.take(before, [-1], axis=axis)
    return np.asarray(np.sqrt(np.maximum(before * (whole - before), 0)), np.float32)


@dataclass(frozen=True)
class Motion:
    """Steps between slabs of slices, from breathing or movement.

    edges: places (slabs - 1,) of the steps as fractions of the scan's height, ascending. shifts: mm (slabs, 2) by
    which each slab is displaced to the right and to the front.
    """

    edges: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def at(self, fractions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shift in mm (n, 3) at heights given as fractions of the scan's."""
        flat = self.shifts[np.searchsorted(self.edges, fractions)]
        return np.concatenate([flat, np.zeros((len(flat), 1))], axis=1)

    def move(self, canvas: Canvas) -> None:
        """Shifts the slabs of a painted canvas; edges are repeated."""
        count = canvas.shape[2]
        slabs = np.searchsorted(self.edges, (np.arange(count) + 0.5) / count)
        for number, shift in enumerate(self.shifts):
            found = np.flatnonzero(slabs == number)
            if not len(found) or not shift.any():
                continue
            part = slice(int(found[0]), int(found[-1]) + 1)
            for axis in (0, 1):
                places = np.arange(canvas.shape[axis]) - shift[axis] / canvas.spacing[axis]
                places = np.clip(places, 0, canvas.shape[axis] - 1)
                nearest = np.rint(places).astype(int)
                canvas.hu[:, :, part] = between(canvas.hu[:, :, part], places, axis)
                canvas.labels[:, :, part] = np.take(canvas.labels[:, :, part], nearest, axis=axis)
                canvas.tissues[:, :, part] = np.take(canvas.tissues[:, :, part], nearest, axis=axis)


def draw_motion(rng: np.random.Generator) -> Motion:
    """A few slabs; about half are in place, the others are displaced by 1 or 2 mm."""
    count = int(rng.integers(2, 7))
    shifts = np.clip(rng.normal(0, (0.7, 1.3), (count, 2)), -3, 3)
    shifts[rng.random(count) < 0.5] = 0
    return Motion(np.sort(rng.uniform(0.05, 0.95, count - 1)), shifts)
