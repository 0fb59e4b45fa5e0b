"""The canvas: HU, labels and tissues on an upright grid, onto which solids are painted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.geometry.boxes import Box, within
from utility_functions.phantom.shapes import Field, Frame, Shape
from utility_functions.phantom.texture import Texture
from utility_functions.phantom.tissue import TISSUE_CODES

FAR_MM = 8.0
LABELLED_FRACTION = 0.3
"""The fraction of a voxel that bone fills from which the voxel is labelled, as people label scans."""


class Canvas:
    """Voxels of ``spacing`` mm whose first centre lies at ``origin``; axes run right, anterior, superior."""

    def __init__(self, shape: tuple[int, int, int], spacing: ArrayLike, origin: ArrayLike) -> None:
        self.shape = shape
        self.spacing = np.array(np.broadcast_to(np.asarray(spacing, float), 3))
        self.origin = np.asarray(origin, float)
        self.hu: Field = np.full(shape, -1000, np.float32)
        self.labels: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.tissues: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.nearest: Field = np.zeros(shape, np.float32)
        self.texture: Texture | Field = np.broadcast_to(np.float32(0), shape)
        self.softness = float(np.clip(np.cbrt(self.spacing.prod()), 0.8, 3.0))

    def finished(self) -> None:
        """Frees the memory that only painting needs."""
        self.nearest = self.texture = np.zeros((0, 0, 0), np.float32)

    def axis(self, axis: int) -> Field:
        """Positions in mm of the voxel centres along one axis."""
        return np.asarray(self.origin[axis] + np.arange(self.shape[axis]) * self.spacing[axis], np.float32)

    def box(self, frame: Frame, low: ArrayLike, high: ArrayLike) -> Box | None:
        """The voxels that a box of ``frame`` touches, or None when it lies outside."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        centre = frame.out((low + high) / 2)
        reach = np.abs(frame.axes) @ ((high - low) / 2) * frame.scale
        first = np.ceil((centre - reach - self.origin) / self.spacing).astype(int)
        last = np.floor((centre + reach - self.origin) / self.spacing).astype(int) + 1
        box = within(first, last, self.shape)
        return None if any(axis.stop == axis.start for axis in box) else box

    def coordinates(self, frame: Frame, box: Box) -> tuple[Field, Field, Field]:
        """x, y, z in ``frame`` of the voxels of a box (broadcastable to its shape)."""
        x, y, z = (self.axis(axis)[part] - np.float32(frame.origin[axis]) for axis, part in enumerate(box))
        along = x[:, None, None], y[None, :, None], z[None, None, :]
        if frame.scale == 1 and np.array_equal(frame.axes, np.eye(3)):
            return along
        turn = (frame.axes / frame.scale).astype(np.float32)
        # The sum over y and z is a plane, so that each coordinate takes one operation over the whole box.
        local = [along[0] * turn[0, i] + (along[1] * turn[1, i] + along[2] * turn[2, i]) for i in range(3)]
        return local[0], local[1], local[2]

    def distances(self, frame: Frame, shapes: Sequence[Shape], blend_mm: float = 0.0) -> tuple[Box, Field] | None:
        """The signed distance to a union of solids, in a box round all of them, smoothed over ``blend_mm``."""
        margin = (self.softness + 1.0 + blend_mm) / frame.scale
        whole = self.box(
            frame,
            np.min([shape.low for shape in shapes], axis=0) - margin,
            np.max([shape.high for shape in shapes], axis=0) + margin,
        )
        if whole is None:
            return None
        if len(shapes) == 1:
            alone = shapes[0].distance(*self.coordinates(frame, whole))
            return whole, alone if frame.scale == 1 else alone * np.float32(frame.scale)
        field: Field = np.full([part.stop - part.start for part in whole], FAR_MM, np.float32)
        for shape in shapes:
            own = self.box(frame, shape.low - margin, shape.high + margin)
            if own is None:
                continue
            x, y, z = (slice(max(a.start - b.start, 0), a.stop - b.start) for a, b in zip(own, whole, strict=True))
            part = field[x, y, z]
            new = shape.distance(*self.coordinates(frame, own)) * np.float32(frame.scale)
            new = np.minimum(new, np.float32(FAR_MM))
            if blend_mm > 0:
                overlap = np.maximum(np.float32(blend_mm) - np.abs(part - new), 0)
                new = np.minimum(part, new) - overlap * overlap * np.float32(0.25 / blend_mm)
                part[...] = new
            else:
                np.minimum(part, new, out=part)
        return whole, field

    def cover(self, field: Field, width: float | None = None) -> Field:
        """The fraction of each voxel inside a surface, from the distance of its centre."""
        fraction = field * np.float32(-1 / (width or self.softness))
        fraction += np.float32(0.5)
        return np.clip(fraction, 0, 1, out=fraction)

    def blend(self, box: Box, fraction: Field, tissue: str, hu: float | Field, wet: float | Field = 1.0) -> None:
        """Mixes a tissue of ``hu`` into a box by a ``fraction`` of each voxel; above a half, the voxel gets its code.

        wet: the water content relative to others of its tissue, 0 to 1; only MR shows it.
        """
        part = self.hu[box]
        change = hu - part
        change *= fraction
        part += change
        np.copyto(self.tissues[box], TISSUE_CODES[tissue], where=fraction > 0.5)

    def fill(
        self,
        frame: Frame,
        shapes: Sequence[Shape],
        tissue: str,
        hu: float,
        blend_mm: float = 0.0,
        grain: float = 0.0,
        wet: float = 1.0,
    ) -> None:
        """Paints solids of one tissue; ``grain``: the strength of its texture in HU."""
        found = self.distances(frame, shapes, blend_mm)
        if found is None:
            return
        box, field = found
        self.blend(box, self.cover(field), tissue, hu + np.float32(grain) * self.texture[box] if grain else hu, wet)

    def layered(self) -> None:
        """Called after the layers of the trunk are painted, which are painted without ``blend``."""

    def harden(self, box: Box, fraction: Field, hu: float) -> None:
        """Adds ``hu`` by a ``fraction`` of each voxel: the sclerosis beside degenerated discs."""
        self.hu[box] += fraction * np.float32(hu)

    def vascular(self, box: Box, fraction: Field) -> None:
        """Fat and vessels in place of marrow by a ``fraction`` of each voxel, as in haemangiomas; MR alone shows it."""

    def bone(
        self,
        box: Box,
        field: Field,
        bone: str,
        cortex_hu: float | Field,
        marrow_hu: float | Field,
        cortex_mm: float | Field,
        grain: float,
        inside: str | None = None,
    ) -> None:
        """Paints one of the BONES: a cortex of ``cortex_mm`` round textured marrow, or round the tissue ``inside``."""
        inner = self.cover(field + cortex_mm)
        hu = self.texture[box] * np.float32(grain)
        hu += marrow_hu - cortex_hu
        hu *= inner
        hu += np.asarray(cortex_hu, np.float32)
        self.blend(box, self.cover(field), f"{bone} shell", hu)
        np.copyto(self.tissues[box], TISSUE_CODES[inside or f"{bone} marrow"], where=inner > 0.5)

    def label(self, box: Box, field: Field, number: int) -> None:
        """Labels the voxels that a solid fills by LABELLED_FRACTION or more.

        Where solids overlap, the one in which the voxel lies deeper wins.
        """
        outside = (0.5 - LABELLED_FRACTION) * self.softness  # the distance at which ``cover`` gives that fraction
        depth = field - np.float32(outside)
        inside = depth < self.nearest[box]
        np.copyto(self.labels[box], number, where=inside)
        np.copyto(self.nearest[box], depth, where=inside)
