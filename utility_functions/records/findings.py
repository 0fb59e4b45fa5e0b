"""What the models found in one scan, always on the scan's own grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from utility_functions.anatomy.peaks import Candidate
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.trail import Trail


@dataclass(frozen=True)
class Findings:
    """Grows as models run one after another.

    detection: 1 where any vertebra is; or the part per voxel (anatomy/parts.py), where ``parts`` is true.
    landmarks: named centroids in RAS+ mm.
    instances: a VerSe id per voxel; masks of whole vertebrae where ``whole`` is true, else bodies or tubes.
    structures: 1 vertebra, 2 disc, 3 canal per voxel (anatomy/structures.py).
    numbered: single structures in SPIDER's code: vertebrae from the bottom, canal, discs.
    completeness: how likely the scan shows all of a named vertebra, where a model tells it.
    scores: figures against ground truth, where there is one.
    seconds: wall time per stage.
    heatmap: how near each voxel lies to the spine, 0 to 1 (anatomy/heatmaps.py).
    vertebra_heat: the largest of the landmarks' heatmaps in each voxel, where what is between is asked for.
    candidates: maxima of these heatmaps, the hottest first, of which landmarks were chosen; likewise.
    trail: the looks of a traversal, in RAS+ mm, where one ran.
    notes: what a reader must know, in plain words ("no vertebra was found").
    naming: how sure the names are, where the decoder gave them; landmarks that it filled in are told there.
    quarters: by how many quarters of a turn about the vertical axis (counter-clockwise seen from above) the scan is
        shown to models, since the patient lies otherwise than its header says (geometry/quarter_turns.py). All else is
        told where the header puts it.
    """

    case_id: str
    grid: Grid
    detection: LabelMap | None = None
    landmarks: Landmarks | None = None
    instances: LabelMap | None = None
    completeness: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    parts: bool = False
    whole: bool = False
    trail: Trail | None = None
    heatmap: Volume | None = None
    structures: LabelMap | None = None
    numbered: LabelMap | None = None
    naming: NamingRecord | None = None
    vertebra_heat: Volume | None = None
    candidates: tuple[Candidate, ...] = ()
    quarters: int = 0

    def __post_init__(self) -> None:
        for what, found in self.maps.items():
            found.grid.require_same(self.grid, f"The {what} and the scan {self.case_id}")

    @property
    def maps(self) -> dict[str, Volume]:
        """Whatever was found voxel by voxel, by the name of its field."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, Volume)}

    def having(self, **found: Any) -> Findings:
        """These findings with some replaced or added."""
        return replace(self, **found)

    def moved(self, **found: Volume) -> Findings:
        """These findings on the grid of the maps given; those that lay on the former grid are left out."""
        changes: dict[str, Any] = {**dict.fromkeys(self.maps), **found}
        return replace(self, **changes, grid=next(iter(found.values())).grid)

    def noting(self, note: str) -> Findings:
        """These findings with one more note."""
        return replace(self, notes=(*self.notes, note))

    def named(self, naming: NamingRecord | None) -> Findings:
        """These findings with what a decoder tells of their names, in place of what an earlier one told."""
        before = () if self.naming is None else self.naming.notes
        kept = tuple(note for note in self.notes if note not in before)
        return replace(self, naming=naming, notes=(*kept, *(() if naming is None else naming.notes)))

    @property
    def filled(self) -> tuple[str, ...]:
        """Levels among the landmarks that were not detected."""
        return () if self.naming is None else self.naming.filled

    def timed(self, stage: str, seconds: float) -> Findings:
        """These findings with the wall time of one more stage (added up where it ran before)."""
        return replace(self, seconds={**self.seconds, stage: self.seconds.get(stage, 0.0) + seconds})
