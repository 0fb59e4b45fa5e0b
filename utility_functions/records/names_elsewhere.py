"""The named vertebrae of another scan of the same patient, from which a scan's levels are counted."""

from __future__ import annotations

from dataclasses import dataclass

from utility_functions.anatomy.naming.passed_names import PassedDoubt
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings

FRAME = "which lies in the same frame of reference"
GRID = "which lies on the same grid"
WORLD = "by the positions in both headers, which tell no common frame of reference"
"""What makes two scans one world, in words that follow the name of the other scan."""


@dataclass(frozen=True)
class NamesElsewhere:
    """Where another scan found which level.

    scan: its name in notes. landmarks: its detected levels in RAS+ mm, no interpolated ones. doubt: of its names.
    world: why both scans lie in one world, one of FRAME, GRID and WORLD.
    """

    scan: str
    landmarks: Landmarks
    doubt: PassedDoubt
    world: str

    @classmethod
    def of(cls, findings: Findings, world: str) -> NamesElsewhere:
        """The names in the findings of another scan; none where it names no vertebra."""
        found = Landmarks.empty() if findings.landmarks is None else findings.landmarks
        found = found.only(set(found.names) - {"", *findings.interpolated})
        naming = findings.naming
        doubt = PassedDoubt() if naming is None else PassedDoubt(naming.error_probability, naming.shifted)
        return cls(findings.case_id, found, doubt, world)
