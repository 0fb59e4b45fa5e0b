"""The intensities by which the surface of a CT mask is placed anew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BoneSurface:
    """Where the surface of a mask of bone lies, by the brightness of CT.

    A network that learnt on phantoms stops short of the outlines that people draw. They follow brightness.

    bright_hu: voxels connected with a mask through voxels brighter than this belong to it,
    reach_mm: as far as this from the mask,
    least: where the probability of vertebra is at least this.
    dark_hu: voxels at the surface that are darker than this do not belong to the mask.
    """

    bright_hu: float = 175.0
    dark_hu: float = 60.0
    reach_mm: float = 1.0
    least: float = 0.003

    def __post_init__(self) -> None:
        if not self.dark_hu < self.bright_hu:
            raise ValueError(f"dark_hu is less than bright_hu. Received: {self.dark_hu} and {self.bright_hu}.")
        if not self.reach_mm >= 0 or not 0 <= self.least <= 1:
            raise ValueError(
                f"reach_mm is at least 0, least a probability from 0 to 1. Received: {self.reach_mm} and {self.least}."
            )
