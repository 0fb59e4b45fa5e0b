"""What the models found in one scan: everything known so far, and what one stage adds to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from utility_functions.anatomy.peaks import Candidate
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import (
    BodyMap,
    ClassProbabilities,
    PartMap,
    SpiderMap,
    StructureMap,
    TubeMap,
    VertebraMap,
    placed,
)
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.trail import Trail


def _file(ending: str) -> Mapping[str, str]:
    """Of a field that holds a map: ``ending`` follows the scan's id in the name of its file."""
    return {"ending": ending}


@dataclass(frozen=True)
class StageFindings:
    """What one stage found, and nothing else; a field that is None leaves earlier findings unchanged.

    Maps may lie on any grid. ``landmarks`` come with the ``naming`` that holds the probabilities of their names, or
    with None where there are none. Fields as in Findings.
    """

    detection: TubeMap | PartMap | ClassProbabilities | None = field(default=None, metadata=_file("_detection.nii.gz"))
    instances: BodyMap | VertebraMap | None = field(default=None, metadata=_file("_vertebrae.nii.gz"))
    heatmap: Volume | None = field(default=None, metadata=_file("_heatmap.nii.gz"))
    landmark_heatmap: Volume | None = field(default=None, metadata=_file("_landmark_heatmap.nii.gz"))
    structures: StructureMap | None = field(default=None, metadata=_file("_structures.nii.gz"))
    numbered: SpiderMap | None = field(default=None, metadata=_file("_numbered.nii.gz"))
    landmarks: Landmarks | None = None
    naming: NamingRecord | None = None
    completeness: Mapping[str, float] | None = None
    trail: Trail | None = None
    candidates: tuple[Candidate, ...] | None = None
    quarter_turns: int | None = None
    notes: tuple[str, ...] = ()

    def having(self, **found: Any) -> StageFindings:
        """These with some replaced or added."""
        return replace(self, **found)

    def only(self, names: Collection[str]) -> StageFindings:
        """These without maps and landmarks of other fields than ``names``."""
        others: dict[str, Any] = dict.fromkeys({*MAP_ENDINGS, "landmarks"} - set(names))
        return replace(self, **others)

    def noting(self, *notes: str) -> StageFindings:
        """These with more notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))


MAP_FIELDS: tuple[Field[Any], ...] = tuple(each for each in fields(StageFindings) if "ending" in each.metadata)
MAP_ENDINGS: dict[str, str] = {each.name: each.metadata["ending"] for each in MAP_FIELDS}
"""The ending of the file of each map of findings, after the scan's id."""


@dataclass(frozen=True)
class Findings:
    """Everything known of one scan; grows as models run one after another.

    grid: the scan's own, on which results are written.
    detection: where vertebrae or their parts are: a map, or probabilities on the network's grid.
    instances: a VerSe id per voxel, of whole vertebrae or of bodies.
    heatmap: how near each voxel lies to the spine, 0 to 1 (anatomy/heatmaps.py).
    landmark_heatmap: the largest of the landmarks' heatmaps in each voxel, where intermediate results are requested.
    structures, numbered: vertebrae, discs and canal of MR, by class and one by one.
    landmarks: named centroids in RAS+ mm.
    naming: the probabilities of the names, where the decoder gave them, and the interpolated levels.
    completeness: probability that a named vertebra is completely in the field of view, where a model predicts it.
    trail: the patches of a traversal, in RAS+ mm, where one ran.
    candidates: maxima of the landmarks' heatmaps, the highest first, of which landmarks were chosen.
    scores: figures against ground truth, where there is one. seconds: wall time per stage.
    notes: what a reader must know, in plain words ("no vertebra was found").
    quarter_turns: the number of quarter turns about the vertical axis (counter-clockwise seen from above) that correct
        the patient orientation for the models where the header is wrong. All positions are in the header's frame.
    """

    case_id: str
    grid: Grid
    detection: TubeMap | PartMap | ClassProbabilities | None = None
    instances: BodyMap | VertebraMap | None = None
    heatmap: Volume | None = None
    landmark_heatmap: Volume | None = None
    structures: StructureMap | None = None
    numbered: SpiderMap | None = None
    landmarks: Landmarks | None = None
    naming: NamingRecord | None = None
    completeness: Mapping[str, float] = field(default_factory=dict)
    trail: Trail | None = None
    candidates: tuple[Candidate, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quarter_turns: int = 0

    @property
    def maps(self) -> dict[str, Volume | ClassProbabilities]:
        """All maps, by the name of the field; each lies on a grid of its own."""
        found = {name: getattr(self, name) for name in MAP_ENDINGS}
        return {name: value for name, value in found.items() if value is not None}

    def having(self, **found: Any) -> Findings:
        """These findings with some replaced or added."""
        return replace(self, **found)

    def merged(self, found: StageFindings) -> Findings:
        """These findings with those of one more stage; the one place where a stage changes what is known."""
        values = {
            each.name: getattr(found, each.name) for each in fields(found) if each.name not in ("notes", "naming")
        }
        merged = replace(self, **{name: value for name, value in values.items() if value is not None})
        if found.landmarks is not None or found.naming is not None:
            merged = merged.named(found.naming)
        return merged.noting(*found.notes)

    def as_stage(self) -> StageFindings:
        """All that is known, as what a stage before the first model found."""
        values = {each.name: getattr(self, each.name) for each in fields(StageFindings)}
        return StageFindings(**values)

    def placed_on(self, grid: Grid, names: Collection[str] | None = None) -> Findings:
        """The findings with their maps on ``grid``: all of them, or those of the fields ``names`` and no others."""
        kept = self.maps if names is None else {name: each for name, each in self.maps.items() if name in names}
        moved: dict[str, Any] = {
            **dict.fromkeys(self.maps),
            **{name: placed(each, grid) for name, each in kept.items()},
        }
        return replace(self, **moved, grid=grid)

    def noting(self, *notes: str) -> Findings:
        """These findings with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def named(self, naming: NamingRecord | None) -> Findings:
        """These findings with the naming of a decoder, in place of an earlier one."""
        before = () if self.naming is None else self.naming.notes
        kept = tuple(note for note in self.notes if note not in before)
        return replace(self, naming=naming, notes=(*kept, *(() if naming is None else naming.notes)))

    @property
    def interpolated(self) -> tuple[str, ...]:
        """Levels among the landmarks that were not detected."""
        return () if self.naming is None else self.naming.interpolated

    def timed(self, stage: str, seconds: float) -> Findings:
        """These findings with the wall time of one more stage (added up where it ran before)."""
        return replace(self, seconds={**self.seconds, stage: self.seconds.get(stage, 0.0) + seconds})
