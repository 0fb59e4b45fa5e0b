"""What a detection of parts must know of itself to tell how a patient lies, in place of what the header says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrientationCheck:
    """When quarter turns of a scan are looked at, and when one is believed, by the arches that a network sees.

    A network that learnt from patients on their back is sure of arches there alone. How sure, each training chooses by
    its own samples (`training/orientation_choice.py`).

    hesitant_below: turns are looked at below this mean probability of the voxels that are likeliest arch.
    believed_from: a turn is believed from this mean probability on,
    better_by: where so many times more is arch for certain,
    least_mm3: and at least so much.
    certain_from: a voxel is arch for certain from this probability on.
    """

    hesitant_below: float
    believed_from: float
    better_by: float = 1.5
    least_mm3: float = 2000.0
    certain_from: float = 0.9

    def __post_init__(self) -> None:
        for name in ("hesitant_below", "believed_from", "certain_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, from 0 to 1. Received: {getattr(self, name)}.")
        if not self.better_by >= 1 or not self.least_mm3 >= 0:
            raise ValueError(
                f"better_by is at least 1, least_mm3 at least 0. Received: {self.better_by} and {self.least_mm3}."
            )
