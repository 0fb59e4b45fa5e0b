"""The findings of a scan as numbered segments that do not overlap: vertebrae, sacrum, discs, canal and cord."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.sr.coding import Code

from utility_functions.anatomy import mr_parts, parts, structures
from utility_functions.anatomy.labels import USUAL_VERTEBRAE, VERTEBRAE, anatomical_order, name_of_verse_id
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, PartMap, SpiderMap, StructureMap, TubeMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.dicom_codes import CANAL, CORD, DISC, VERTEBRA, disc_code, level_code, level_region
from utility_functions.reporting.label_names import CANAL_COLOUR, DISC_COLOUR
from utility_functions.reporting.level_colours import Colour, level_colour, number_colour

CORD_COLOUR: Colour = (0.95, 0.85, 0.25)
MOST_NUMBER = 256


@dataclass(frozen=True)
class Segment:
    """One segment. label: such as "L1", "disc L4/L5", "canal". kind: its code. region: where the code leaves it open.

    description: what its voxels are, where the label leaves that open.
    """

    label: str
    kind: Code
    colour: Colour
    region: Code | None = None
    description: str = ""


Layer = tuple[LabelMap, Mapping[int, Segment]]
"""A map, and the segment of each of its numbers that is shown."""


@dataclass(frozen=True, eq=False)
class SpineSegments:
    """voxels: (x, y, z) uint8 on the grid of the scan, the place of a segment from 1 on, 0 for none."""

    voxels: NDArray[np.uint8]
    segments: tuple[Segment, ...]

    def number_of(self, label: str) -> int | None:
        """The number of a segment, from 1 on; None where there is none of that label."""
        labels = [each.label for each in self.segments]
        return labels.index(label) + 1 if label in labels else None


def spine_segments(findings: Findings) -> SpineSegments:
    """The segments of findings whose maps lie on the scan's grid.

    Vertebrae come first; what other maps tell beside them fills voxels that are free. Where no model tells single
    vertebrae, parts or classes are the segments.
    """
    voxels = np.zeros(findings.grid.shape, np.uint8)
    kept: list[Segment] = []
    for labels, known in _layers(findings):
        free = np.where(voxels == 0, labels.voxels, 0)
        before, table = [each.label for each in kept], np.zeros(max(MOST_NUMBER, int(free.max()) + 1), np.uint8)
        for number in np.unique(free[free > 0]).tolist():
            segment = known.get(number)
            if segment is None or segment.label in before:  # the rim of a sacrum that another map told better
                continue
            if segment not in kept:
                kept.append(segment)
            table[number] = kept.index(segment) + 1
        voxels = np.where(voxels == 0, table[free], voxels)
    return SpineSegments(voxels, tuple(kept))


def disc_label(upper: str, lower: str) -> str:
    """The label of the disc between two levels."""
    return f"disc {upper}/{lower}"


def _layers(findings: Findings) -> Iterator[Layer]:
    """The maps of findings from the first to the last, with the segments of their numbers."""
    vertebrae, numbered, detection = findings.instances, findings.numbered, findings.detection
    if vertebrae is not None:
        yield vertebrae, _levels(vertebrae, findings.naming)
    if isinstance(detection, PartMap):
        yield detection, {mr_parts.CORD: Segment("cord", CORD, CORD_COLOUR)}
    if isinstance(numbered, SpiderMap):
        yield numbered, _spider(numbered, vertebrae)
    elif isinstance(findings.structures, StructureMap):
        found = {structures.DISC: _discs("discs"), structures.CANAL: _canal()}
        if vertebrae is None:
            found[structures.VERTEBRA] = _any("vertebrae", number_colour(1))
        yield findings.structures, found
    if isinstance(detection, PartMap):
        sacrum = Segment("sacrum", level_code("S1"), level_colour("S1"))
        found = {parts.SACRUM: sacrum, parts.DISC: _discs("discs"), mr_parts.CANAL: _canal()}
        if numbered is not None or findings.structures is not None:
            found = {parts.SACRUM: sacrum}
        if vertebrae is None and numbered is None and findings.structures is None:
            found[parts.BODY] = _any("vertebral bodies", number_colour(3 * parts.BODY))
            found[parts.ARCH] = _any("vertebral arches", number_colour(3 * parts.ARCH))
        yield detection, found
    elif isinstance(detection, TubeMap) and vertebrae is None:
        yield detection, {1: _any("vertebral column", number_colour(1), "Tubes round bodies and discs")}


def _levels(vertebrae: LabelMap, naming: NamingRecord | None) -> dict[int, Segment]:
    about = ["Vertebral body without processes"] if isinstance(vertebrae, BodyMap) else []
    found = {}
    for number in np.unique(vertebrae.voxels[vertebrae.voxels > 0]).tolist():
        if (name := name_of_verse_id(number)) is not None:
            label = "sacrum" if name == "S1" else name
            doubt = (
                [f"Level uncertain: {naming.in_words(name)}"] if naming is not None and name in naming.ranges else []
            )
            words = "; ".join([*(about if name in VERTEBRAE else []), *doubt])
            found[number] = Segment(label, level_code(name), level_colour(name), level_region(name), words)
    return found


def _spider(numbered: LabelMap, vertebrae: LabelMap | None) -> dict[int, Segment]:
    """The segments of SPIDER's numbers; vertebrae themselves only where none are named."""
    levels = {} if vertebrae is None else _levels_of_numbers(numbered, vertebrae)
    found = {structures.SPIDER_CANAL: _canal()}
    for number in np.unique(numbered.voxels[numbered.voxels > 0]).tolist():
        counted = number % structures.SPIDER_PARTIAL
        if number > structures.SPIDER_DISCS:
            counted = number - structures.SPIDER_DISCS
            beside = _beside_disc(counted, levels)
            found[number] = _discs(f"disc below vertebra {counted} from below") if beside is None else _disc(*beside)
        elif number != structures.SPIDER_CANAL and vertebrae is None:
            cut = ", truncated" if number > structures.SPIDER_PARTIAL else ""
            found[number] = _any(f"vertebra {counted} from below{cut}", number_colour(counted))
    return found


def _levels_of_numbers(numbered: LabelMap, vertebrae: LabelMap) -> dict[int, str]:
    """The level of each counted vertebra: that of most of its voxels."""
    counted = np.where(numbered.voxels < structures.SPIDER_DISCS, numbered.voxels % structures.SPIDER_PARTIAL, 0)
    found = {}
    for number in np.unique(counted[counted > 0]).tolist():
        own = vertebrae.voxels[counted == number]
        named = np.bincount(own[own > 0]) if (own > 0).any() else np.zeros(1, int)
        name = name_of_verse_id(int(named.argmax())) if named.any() else None
        if name in VERTEBRAE:
            found[number] = name
    return found


def _beside_disc(counted: int, levels: Mapping[int, str]) -> tuple[str, str] | None:
    """The levels above and below the disc under a counted vertebra; None where neither has a name."""
    upper, lower = levels.get(counted), levels.get(counted - 1)
    if upper is None and lower is None:
        return None
    if lower is None and upper is not None:
        below = [name for name in USUAL_VERTEBRAE if anatomical_order(name) > anatomical_order(upper)]
        lower = below[0] if below else "S1"
    if upper is None and lower is not None:
        above = [name for name in USUAL_VERTEBRAE if anatomical_order(name) < anatomical_order(lower)]
        upper = above[-1] if above else None
    return None if upper is None or lower is None else (upper, lower)


def _disc(upper: str, lower: str) -> Segment:
    return Segment(disc_label(upper, lower), disc_code(upper, lower), DISC_COLOUR)


def _discs(label: str) -> Segment:
    return Segment(label, DISC, DISC_COLOUR)


def _canal() -> Segment:
    return Segment("canal", CANAL, CANAL_COLOUR)


def _any(label: str, colour: Colour, description: str = "") -> Segment:
    return Segment(label, VERTEBRA, colour, None, description)
