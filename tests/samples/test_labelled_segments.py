"""Contiguous labelled segments: their order in every code, where a scan is cropped, memory and borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.samples.cut.labelled_segments import border_steps, labelled_segments, memory_of
from tests.samples.blocks import APART, SPACING, blocks, settings, verse
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.anatomy.labelled_vertebrae import contiguous_segments, vertebrae_in_order
from utility_functions.anatomy.labels import TOTALSEGMENTATOR_IDS, VERSE_IDS
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume


@pytest.mark.parametrize(
    ("place", "direction", "neighbour", "expected"),
    [
        (2, "down", False, [1, 0, 0, 0]),
        (2, "up", False, [0, 0, 1, 1]),
        (1, "down", False, [0, 0, 0, 0]),
        (4, "up", False, [0, 0, 0, 0]),
        (4, "down", True, [0, 0, 1, 0]),
        (1, "up", True, [0, 1, 0, 0]),
        (1, "down", True, [0, 0, 0, 0]),
        (None, "up", False, [1, 1, 1, 1]),
        (None, "down", True, [1, 1, 1, 1]),
    ],
)
def test_memory_rules(place: int | None, direction: str, neighbour: bool, expected: list[int]) -> None:
    order = np.array([0, 1, 2, 3, 4, 0], np.uint8)
    assert memory_of(order, place, direction, neighbour).tolist() == [0, *expected, 0]


@pytest.mark.parametrize(
    ("numbers", "voxels"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 1, 0], [94, 255, 94]),  # 6 mm away: exp(-1)
        ([0, 0, 0, 1], [0, 5, 94, 255]),  # 12 and 18 mm: exp(-4), exp(-9)
        ([1, 1, 1, 1, 1], [255, 94, 5, 94, 255]),  # inside, too
    ],
)
def test_weights_fall_off_from_the_border_in_mm(numbers: list[int], voxels: list[int]) -> None:
    line = np.zeros((3, 3, len(numbers)), bool)
    line[1, 1] = numbers
    inner = line if sum(numbers) < 5 else np.ones((9, 9, 5), bool)
    steps = border_steps(inner, (6.0, 6.0, 6.0) if sum(numbers) < 5 else (100.0, 100.0, 6.0))
    assert steps.dtype == np.uint8
    assert steps[inner.shape[0] // 2, inner.shape[1] // 2].tolist() == voxels


def test_the_scan_is_cropped_where_labels_end_unless_no_vertebra_can_follow() -> None:
    def heights(names: tuple[str, ...]) -> list[tuple[int, int]]:
        scan = verse(names, edge=9)
        return [
            (each.order.grid.shape[2], int(each.order.voxels.any(axis=(0, 1)).sum()) + 2 * (len(each.vertebrae) - 1))
            for each in labelled_segments(scan, settings().spec)
        ]

    for names, ends in ((("T12", "L1"), 0), (("L4", "L5"), 1), (("C1", "C2"), 1), (("L4", "S1"), 1), (("L3", "L4"), 0)):
        [(found, labelled)] = heights(names)
        below_sacrum = APART if "S1" in names else 0
        assert found == labelled + 9 * ends + below_sacrum, names


def shingled(unlabelled: tuple[str, ...]) -> tuple[Scan, dict[str, np.ndarray]]:
    """Thoracic vertebrae with long processes that overlap the body below; the mask of each, and a scan that labels
    all but some.
    """
    names, masks = ("T6", "T7", "T8", "T9"), {}
    voxels = np.zeros((20, 30, 60), np.int16)
    for place, name in enumerate(names):
        top = 52 - 12 * place
        mask = np.zeros(voxels.shape, bool)
        mask[5:15, 15:25, top - 9 : top] = True  # body
        mask[8:12, 5:15, top - 20 : top - 4] = True  # a process that reaches down behind the next one
        masks[name] = mask & ~np.any(list(masks.values()), axis=0) if masks else mask
        if name not in unlabelled:
            voxels[masks[name]] = VERSE_IDS[name]
    label_map = LabelMap(voxels, Grid.from_spacing(voxels.shape, SPACING))
    intensities = sum(VERSE_IDS[name] * mask for name, mask in masks.items())
    scan = Scan(
        Case("shingled", Path("s.nii.gz")), Volume(intensities.astype(np.int16), label_map.grid), None, label_map
    )
    return scan, masks


def test_hardly_any_of_an_unlabelled_neighbour_is_background() -> None:
    scan, masks = shingled(("T9",))
    [segment] = labelled_segments(scan, settings().spec)
    shown = int((segment.image.voxels == VERSE_IDS["T9"]).sum())
    assert shown < 0.05 * masks["T9"].sum()
    assert [each.whole for each in segment.vertebrae] == [True, True, False], "the last one's process is cut off"


def test_an_unlabelled_vertebra_between_others_splits_the_scan() -> None:
    segments = labelled_segments(verse(("T10", "T11", "L1", "L3", "L4")), settings().spec)
    assert [[each.name for each in segment.vertebrae] for segment in segments] == [["T10", "T11", "L1"], ["L3", "L4"]]
    assert not (segments[0].order.voxels[:, :, 0] == 0).all()


CODES = {
    "verse": ((8, 19, 28, 20), ("T1", "T12", "T13", "L1")),
    "totalsegmentator": (tuple(TOTALSEGMENTATOR_IDS[name] for name in ("L3", "L4", "L5", "S1")), ("L3", "L4", "L5")),
    "spider": ((103, 2, 1, 201), ("", "", "")),
    "csi2014": ((100, 200, 300), ("", "", "")),
}


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_vertebrae_come_from_the_top_down_in_every_code(code: str, flipped: bool) -> None:
    numbers, names = CODES[code]
    found = vertebrae_in_order(blocks(numbers, flipped=flipped), code)
    assert tuple(each.name for each in found) == names
    assert [each.label for each in found] == list(numbers[: len(names)])
    assert [each.whole for each in found] == [each < 100 or code == "csi2014" for each in numbers[: len(names)]]


def test_counted_vertebrae_are_split_at_gaps_and_keep_their_order() -> None:
    upwards = vertebrae_in_order(blocks((500, 400, 200, 100)), "csi2014")
    assert [each.label for each in upwards] == [500, 400, 200, 100]
    assert [len(run) for run in contiguous_segments(upwards)] == [2, 2]
    assert [len(run) for run in contiguous_segments(vertebrae_in_order(blocks((5, 4, 2, 1)), "spider"))] == [2, 2]
    assert contiguous_segments(()) == []


def test_numbers_that_are_none_of_the_code_are_refused() -> None:
    with pytest.raises(UnknownLevels, match="100, 200"):
        vertebrae_in_order(blocks((100, 150)), "csi2014")
    with pytest.raises(UnknownLevels, match="label_code"):
        vertebrae_in_order(blocks((100, 200)), "verse")


def test_labels_out_of_order_are_named() -> None:
    scan, _ = shingled(())
    assert scan.label_map is not None
    upside_down = LabelMap(scan.label_map.voxels[:, :, ::-1], scan.label_map.grid)
    with pytest.raises(ValueError, match="are not in anatomical order"):
        labelled_segments(Scan(scan.case, scan.volume, scan.landmarks, upside_down), settings().spec)
