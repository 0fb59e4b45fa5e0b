"""A scan under the names of a whole-spine scan of the same phantom: masks, centroids, doubts and refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from learning_functions.predict.passed_on import NO_MATCH, SACRUM_MOVED, UNFIT, passed_on
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.passed_names import PassedDoubt
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.phantom.phantom_request import PhantomRequest
from utility_functions.phantom.scanner import PhantomScan
from utility_functions.records.detected_vertebrae import DetectedVertebrae
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.names_elsewhere import WORLD, NamesElsewhere
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.turned_findings import turned_findings, turned_landmarks


@lru_cache
def painted(region: str) -> PhantomScan:
    """A patient with a T13; each region is seen in the same world."""
    return PhantomRequest(5, 0, region, "mr-t2").painted((6.0, 4.0, 4.0), "RAS")


def scout() -> NamesElsewhere:
    """The whole spine, each name right."""
    return NamesElsewhere("scout", painted("whole").landmarks, PassedDoubt(), WORLD)


def one_lower(name: str) -> str:
    return VERTEBRAE[VERTEBRAE.index(name) + 1]


def found_one_off() -> tuple[Findings, Findings]:
    """The findings of a thoracic scan with right names, and those in which every name is one too low."""
    scan = painted("thoracic")
    free = scan.landmarks.only(VERTEBRAE)
    masks = np.where(np.isin(scan.label_map.voxels, [VERSE_IDS[name] for name in VERTEBRAE]), scan.label_map.voxels, 0)
    right = Findings("scan", scan.volume.grid, landmarks=free, instances=VertebraMap(masks, scan.volume.grid))
    table = np.zeros(256, np.uint8)
    for name in VERTEBRAE[:-1]:
        table[VERSE_IDS[name]] = VERSE_IDS[one_lower(name)]
    moved = Landmarks(tuple(map(one_lower, free.names)), free.points_mm)
    record = NamingRecord(dict.fromkeys(moved.names, 0.5), error_probability=0.5, warning="Levels may be shifted.")
    wrong = right.having(landmarks=moved, instances=VertebraMap(table[masks], scan.volume.grid))
    wrong = wrong.having(completeness={one_lower("T5"): 0.9, one_lower("T6"): 0.4}).named(record)
    return right, wrong


def test_a_part_of_the_spine_gets_the_names_of_the_whole_with_its_variant() -> None:
    right, wrong = found_one_off()
    found = passed_on(wrong, scout(), scan_statistics())
    assert right.landmarks is not None and "T13" in right.landmarks.names
    assert found.landmarks is not None and found.landmarks.names == right.landmarks.names
    np.testing.assert_allclose(found.landmarks.points_mm, right.landmarks.points_mm)
    assert isinstance(found.instances, VertebraMap) and right.instances is not None
    np.testing.assert_array_equal(found.instances.voxels, right.instances.voxels)
    assert found.completeness == {"T5": 0.9, "T6": 0.4}
    assert found.naming is not None and found.naming.variants == ("T13",) and not found.naming.warning
    assert "Levels may be shifted." not in found.notes and any("from those of scout" in note for note in found.notes)
    assert found.naming.own_levels and found.naming.counted_from == "scout"


def test_the_doubt_of_the_scout_warns_in_the_scan() -> None:
    _, wrong = found_one_off()
    doubtful = replace(scout(), doubt=PassedDoubt(0.3, (0.25, 0.0)))
    found = passed_on(wrong, doubtful, scan_statistics())
    assert found.naming is not None and found.naming.error_probability >= 0.3
    assert "Levels may be shifted by one: 25 % (rather upwards)." in found.notes


def test_vertebrae_beyond_the_scout_are_counted_on() -> None:
    right, wrong = found_one_off()
    known = scout()
    part = replace(known, landmarks=known.landmarks.only(("T6", "T7", "T8")))
    found = passed_on(wrong, part, scan_statistics())
    assert right.landmarks is not None and found.landmarks is not None
    below = [name for name in found.landmarks.names if name in ("T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11")]
    assert below == ["T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11"]
    for name in below:
        np.testing.assert_allclose(found.landmarks.point(name), right.landmarks.point(name))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_patient_is_named_where_the_header_puts_it(turns: int) -> None:
    right, wrong = found_one_off()
    turned = turned_findings(wrong, turns).having(quarter_turns=(-turns) % 4)
    elsewhere = replace(scout(), landmarks=turned_landmarks(scout().landmarks, turns))
    found = passed_on(turned, elsewhere, scan_statistics())
    assert found.landmarks is not None and right.landmarks is not None
    assert found.landmarks.names == right.landmarks.names
    np.testing.assert_allclose(found.landmarks.points_mm, turned_landmarks(right.landmarks, turns).points_mm, atol=1e-6)


def test_a_mask_without_a_centroid_follows_its_neighbours() -> None:
    right, wrong = found_one_off()
    assert wrong.landmarks is not None and right.instances is not None
    top = wrong.landmarks.names[0]
    bare = wrong.having(landmarks=wrong.landmarks.only(wrong.landmarks.names[1:]))
    vertebrae = DetectedVertebrae.of(bare)
    assert vertebrae.names[vertebrae.names.index(top)] == top and vertebrae.seen[vertebrae.names.index(top)] < 1
    found = passed_on(bare, scout(), scan_statistics())
    assert found.instances is not None
    np.testing.assert_array_equal(found.instances.voxels, right.instances.voxels)


def test_without_a_common_place_the_names_stay_with_a_note() -> None:
    _, wrong = found_one_off()
    known = scout()
    far = replace(known, landmarks=Landmarks(known.landmarks.names, known.landmarks.points_mm + np.array([90.0, 0, 0])))
    found = passed_on(wrong, far, scan_statistics())
    assert found.landmarks is wrong.landmarks and found.instances is wrong.instances
    assert found.notes == (*wrong.notes, NO_MATCH.format("scout"))


def test_names_in_another_order_leave_a_warning_alone() -> None:
    _, wrong = found_one_off()
    known = scout()
    names = list(known.landmarks.names)
    first, second = names.index("T6"), names.index("T7")
    names[first], names[second] = names[second], names[first]
    swapped = replace(known, landmarks=Landmarks(tuple(names), known.landmarks.points_mm))
    found = passed_on(wrong, swapped, scan_statistics())
    assert found.landmarks is wrong.landmarks and found.naming is not None
    assert found.naming.conflict == UNFIT.format("scout") and found.naming.conflict in found.notes


def test_a_sacrum_is_not_named_as_a_free_vertebra() -> None:
    scan = painted("lumbar")
    known = scout()
    moved = [name for name in known.landmarks.names if name != "S1"]
    shifted = Landmarks(tuple(moved), known.landmarks.points_mm[1:])  # each name one vertebra lower: L5 at S1
    found = Findings("scan", scan.volume.grid, landmarks=scan.landmarks.only({*VERTEBRAE, "S1"}))
    named = passed_on(found, replace(known, landmarks=shifted), scan_statistics())
    assert named.landmarks is found.landmarks and SACRUM_MOVED.format("scout") in named.notes


def test_a_scan_without_vertebrae_stays_as_it_is() -> None:
    grid = painted("thoracic").volume.grid
    empty = Findings("scan", grid, landmarks=Landmarks.empty())
    assert passed_on(empty, scout(), scan_statistics()) is empty
    assert DetectedVertebrae.of(Findings("scan", grid)).points_mm.shape == (0, 3)
