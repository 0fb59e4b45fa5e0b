"""The spec of a network's input: spacing, orientation, patch and intensities. Samples and models carry it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.geometry.grid import direction_matrix
from utility_functions.json_records import to_json

AIR_HU = -1024.0
OUTSIDE = 255
"""The code in a tissue map out of the field of view."""
INTENSITIES: dict[str, tuple[float, float] | None] = {
    "window": None,
    "zscore": None,
    "minmax": (-1.0, 1.0),
    "series": (-3.0, 3.0),
    "body": (-3.0, 3.0),
}
"""The kinds of intensity normalisation, each with the bounds that normalised intensities are clipped to, if any."""
DARKEST, BRIGHTEST = 0.5, 99.5
"""Percentiles of a scan taken as its lowest and highest intensity, since single voxels may be outliers."""
TAIL = (90.0, 3.0)
"""A series has a long bright tail where its range, DARKEST to BRIGHTEST, is above 3 times that up to 90 %."""
BODY_FROM, BODY_DARKEST, BODY_BRIGHTEST = 0.15, 5.0, 95.0
"""Tissue is brighter than this fraction of the way from the scan's darkest to its brightest intensity; percentiles of
tissue taken as its lowest and highest intensity."""
LOWEST_OF_NO_CT = -200.0
"""An image without values below this is no CT, or a CT without air: its own lowest value is its background."""


def padding_value_of(voxels: NDArray[Any]) -> float:
    """The intensity for voxels out of the field of view: that of air in CT, the scan's lowest otherwise."""
    lowest = float(voxels.min())
    return AIR_HU if lowest < LOWEST_OF_NO_CT else lowest


@dataclass(frozen=True)
class Spec:
    """What a network takes and predicts. It is in the sample file and in the model's card; a mismatch is an error.

    spacing_mm: voxel spacing along the axes of the network's input.
    axcodes: the direction of each of those axes, for example "RAS".
    patch: voxels along those axes in one sample.
    channels: image channels (for slices: the number of neighbouring slices).
    labels: the meaning of the outputs.
    intensity: "window" clips to ``window`` and scales that to -1..1; "zscore" clips each scan to ``window`` and gives
        it zero mean and unit variance. For MR, whose intensities have no scale: "minmax" maps the scan's own
        percentiles DARKEST and BRIGHTEST to -1 and 1 and clips to these; "series" does the same, clipped to -3 and 3.
        Where the histogram has a long bright tail (TAIL), as beside a surface coil, the spine would be dark; "series"
        then gives zero mean and unit variance. "body" maps the percentiles BODY_DARKEST and BODY_BRIGHTEST of tissue
        alone to -1 and 1, clipped to -3 and 3, so that the amount of air in the picture does not matter.
    flatten_mm: the standard deviation of the Gaussian by whose local mean MR is divided first
        (utility_functions/geometry/flattening.py); 0: none. CT is never flattened.
    window: lowest and highest intensity kept (HU for CT).
    """

    spacing_mm: tuple[float, float, float]
    axcodes: str
    patch: tuple[int, int, int]
    channels: int
    labels: tuple[str, ...]
    intensity: str = "window"
    window: tuple[float, float] = (AIR_HU, 2000.0)
    flatten_mm: float = 0.0

    def __post_init__(self) -> None:
        direction_matrix(self.axcodes)
        for name, kind in (("spacing_mm", float), ("patch", int), ("labels", str), ("window", float)):
            object.__setattr__(self, name, tuple(kind(value) for value in getattr(self, name)))
        if len(self.spacing_mm) != 3 or not all(0 < step < math.inf for step in self.spacing_mm):
            raise ValueError(f"A spec needs three spacings above zero. Received: {self.spacing_mm} mm.")
        if len(self.patch) != 3 or min(self.patch) < 1:
            raise ValueError(f"A spec needs a patch of three sizes in voxels. Received: {self.patch}.")
        if self.intensity not in INTENSITIES:
            raise ValueError(f"Intensity is one of {', '.join(INTENSITIES)}. Received: {self.intensity!r}.")
        if not 0 <= self.flatten_mm < math.inf:
            raise ValueError(f"The Gaussian of flattening has a width of 0 mm or above. Received: {self.flatten_mm}.")
        if not self.window[0] < self.window[1]:
            raise ValueError(f"An intensity window runs from low to high. Received: {self.window}.")

    def to_json(self) -> dict[str, Any]:
        return dict(to_json(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Spec:
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not known >= set(values):
            raise ValueError(f"A spec has the fields {', '.join(sorted(known))}. Received: {values!r}.")
        return cls(**values)

    def differences(self, other: Spec) -> list[str]:
        """The fields in which the two differ, in words."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{name} {mine[name]} and {theirs[name]}" for name in mine if mine[name] != theirs[name]]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that normalised intensities are clipped to; None where the window is the only limit."""
        return INTENSITIES[self.intensity]

    def offset_and_scale(self, voxels: NDArray[Any]) -> tuple[float, float]:
        """The two numbers that normalise a scan: (clip(intensity) - offset) * scale."""
        low, high = self.window
        if self.intensity == "window":
            return (low + high) / 2, 2 / (high - low)
        if self.bounds is None:
            kept = np.clip(voxels, low, high)
        else:
            kept = np.maximum(voxels, AIR_HU) if padding_value_of(voxels) == AIR_HU else voxels
            if self.intensity == "body":
                return _of_tissue(kept)
            darkest, most, brightest = (
                float(value) for value in np.percentile(kept, (DARKEST, TAIL[0], BRIGHTEST), method="nearest")
            )
            if self.intensity == "minmax" or brightest - darkest <= TAIL[1] * (most - darkest):
                return (darkest + brightest) / 2, 2 / (brightest - darkest) if brightest > darkest else 1.0
        deviation = float(kept.std(dtype=np.float64))
        return float(kept.mean(dtype=np.float64)), 1 / deviation if deviation > 0 else 1.0

    def in_hu(self, normalised: NDArray[np.floating]) -> NDArray[np.float32]:
        """The HU, within the window, of intensities that were normalised by a fixed window. Raises: ValueError."""
        if self.intensity != "window":
            raise ValueError(f"Only a fixed window tells HU. Received: the intensities {self.intensity}.")
        offset, scale = self.offset_and_scale(normalised)
        return np.asarray(normalised, np.float32) / np.float32(scale) + np.float32(offset)

    def normalise(self, voxels: NDArray[Any], offset: float, scale: float) -> NDArray[np.float32]:
        """Normalised intensities, float32."""
        kept = (np.clip(voxels, *self.window) if self.bounds is None else voxels).astype(np.float32)
        kept -= np.float32(offset)
        kept *= np.float32(scale)
        return kept if self.bounds is None else np.clip(kept, *self.bounds)


def _of_tissue(voxels: NDArray[Any]) -> tuple[float, float]:
    """Offset and scale by the percentiles of tissue."""
    darkest, brightest = (float(value) for value in np.percentile(voxels, (DARKEST, BRIGHTEST), method="nearest"))
    tissue = voxels[voxels > darkest + BODY_FROM * (brightest - darkest)]
    if not tissue.size:
        return darkest, 1.0
    low, high = (float(value) for value in np.percentile(tissue, (BODY_DARKEST, BODY_BRIGHTEST), method="nearest"))
    return (low + high) / 2, 2 / (high - low) if high > low else 1.0
