"""The thresholds by which a detection of parts finds a patient orientation other than the header's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrientationCheck:
    """When quarter turns of a scan are tested, and when one is accepted, by the predicted arches.

    A network that was trained on supine patients is confident of arches in that orientation alone. Training chooses
    the two probabilities by its own samples (`training/orientation_choice.py`).

    hesitant_below: turns are tested below this mean arch probability of the voxels whose likeliest part is the arch.
    believed_from: a turn is accepted from this mean probability on,
    better_by: if the volume of certain arch grows by this factor,
    least_mm3: and is at least this large.
    certain_from: the probability from which a voxel is certain arch.
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
