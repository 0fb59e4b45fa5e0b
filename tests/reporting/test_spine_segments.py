"""Segments of findings: what each kind of map gives, and that none overlaps another."""

from __future__ import annotations

import numpy as np
import pytest

from tests.made_findings import block_findings
from tests.made_spines import spine
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.mr_parts import CANAL, CORD
from utility_functions.anatomy.parts import ARCH, BODY, DISC, SACRUM
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, SpiderMap, StructureMap, TubeMap, VertebraMap
from utility_functions.reporting.spine_segments import SpineSegments, spine_segments

LINE = Grid.from_spacing((8, 1, 1), 1.0)


def line(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint8).reshape(8, 1, 1)


def shown(found: SpineSegments) -> list[str]:
    """The label of each voxel along the line, "" for none."""
    return ["" if number == 0 else found.segments[number - 1].label for number in found.voxels.ravel()]


def mr(levels: dict[int, str]) -> Findings:
    """A spine in SPIDER's numbers whose vertebrae have names."""
    numbered = spine(len(levels))
    named = np.zeros(numbered.voxels.shape, np.uint8)
    for number, level in levels.items():
        named[numbered.voxels == number] = VERSE_IDS[level]
    grid = numbered.grid
    return Findings("mr", grid, instances=VertebraMap(named, grid), numbered=SpiderMap(numbered.voxels, grid))


def test_vertebrae_come_first_and_discs_fill_what_is_free() -> None:
    instances = VertebraMap(line(20, 20, 0, 0, 21, 26, 0, 0), LINE)
    parts = PartMap(line(BODY, DISC, DISC, 0, ARCH, SACRUM, SACRUM, DISC), LINE)
    found = spine_segments(Findings("a", LINE, instances=instances, detection=parts))
    assert shown(found) == ["L1", "L1", "discs", "", "L2", "sacrum", "", "discs"]
    assert found.number_of("L2") == 2 and found.number_of("cord") is None


def test_a_sacrum_that_only_parts_tell_is_a_segment() -> None:
    instances, parts = VertebraMap(line(24, 0, 0, 0, 0, 0, 0, 0), LINE), PartMap(line(1, 0, 0, 4, 4, 0, 0, 0), LINE)
    found = spine_segments(Findings("a", LINE, instances=instances, detection=parts))
    assert shown(found) == ["L5", "", "", "sacrum", "sacrum", "", "", ""]
    assert found.segments[1].kind.meaning == "Sacrum"


def test_discs_of_mr_are_named_by_the_vertebrae_beside_them() -> None:
    found = spine_segments(mr({1: "L5", 2: "L4", 3: "L3"}))
    kinds = {each.label: each.kind.meaning for each in found.segments}
    assert kinds == {
        **{"L3": "L3 vertebra", "L4": "L4 vertebra", "L5": "L5 vertebra", "canal": "Vertebral canal"},
        **{"disc L5/S1": "L5/S1 disc", "disc L4/L5": "L4/L5 disc", "disc L3/L4": "L3/L4 disc"},
    }
    assert len({each.colour for each in found.segments if each.label.startswith("L")}) == 3


@pytest.mark.parametrize(
    ("levels", "discs"),
    [
        ({1: "L6", 2: "L5"}, {"disc L6/S1": "Intervertebral disc", "disc L5/L6": "Intervertebral disc"}),
        ({1: "T13", 2: "T12"}, {"disc T13/L1": "Intervertebral disc", "disc T12/T13": "Intervertebral disc"}),
        ({1: "C3", 2: "C2"}, {"disc C3/C4": "C3/C4 disc", "disc C2/C3": "C2/C3 disc"}),
    ],
)
def test_discs_beside_variants_have_the_code_of_any_disc(levels: dict[int, str], discs: dict[str, str]) -> None:
    found = spine_segments(mr(levels))
    assert {each.label: each.kind.meaning for each in found.segments if each.label.startswith("disc")} == discs


def test_a_disc_above_the_topmost_vertebra_is_named_from_below() -> None:
    findings = mr({1: "L5", 2: "L4"})
    voxels = findings.numbered.voxels.copy()
    voxels[3:11, 19:32, -5:-3] = 203
    found = spine_segments(findings.having(numbered=SpiderMap(voxels, findings.grid)))
    assert found.number_of("disc L3/L4") is not None


def test_vertebrae_without_names_are_counted() -> None:
    numbered = spine(2)
    voxels = numbered.voxels.copy()
    voxels[voxels == 2] = 102
    found = spine_segments(Findings("mr", numbered.grid, numbered=SpiderMap(voxels, numbered.grid)))
    labels = {each.label for each in found.segments}
    assert {"vertebra 1 from below", "vertebra 2 from below, truncated", "canal"} <= labels
    assert "disc below vertebra 1 from below" in labels


def test_the_cord_lies_within_the_canal() -> None:
    parts = PartMap(line(BODY, CANAL, CORD, CORD, CANAL, 0, 0, 0), LINE)
    numbered = SpiderMap(line(1, 100, 100, 100, 100, 0, 0, 0), LINE)
    found = spine_segments(Findings("mr", LINE, detection=parts, numbered=numbered))
    assert shown(found)[1:5] == ["canal", "cord", "cord", "canal"]


def test_classes_are_segments_where_nothing_tells_single_vertebrae() -> None:
    structures = StructureMap(line(1, 2, 3, 0, 0, 0, 0, 0), LINE)
    assert shown(spine_segments(Findings("mr", LINE, structures=structures)))[:3] == ["vertebrae", "discs", "canal"]
    parts = PartMap(line(BODY, DISC, ARCH, SACRUM, 0, 0, 0, 0), LINE)
    labels = shown(spine_segments(Findings("ct", LINE, detection=parts)))
    assert labels[:4] == ["vertebral bodies", "discs", "vertebral arches", "sacrum"]
    tubes = spine_segments(Findings("ct", LINE, detection=TubeMap(line(1, 1, 0, 0, 0, 0, 0, 0), LINE)))
    assert [each.label for each in tubes.segments] == ["vertebral column"]


def test_an_uncertain_level_says_so() -> None:
    about = {each.label: each.description for each in spine_segments(block_findings()).segments}
    assert about["L2"] == "Level uncertain: L1 to L3" and about["L1"] == ""


def test_nothing_found_is_no_segment() -> None:
    found = spine_segments(Findings("a", LINE))
    assert found.segments == () and not found.voxels.any()
