"""Numbers of other programs are told by where the labelled vertebrae lie, never taken silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utility_functions.anatomy.centroids import LABEL_CODES, UnknownLevels
from utility_functions.anatomy.labels import (
    LUMBAR_IDS,
    TOTALSEGMENTATOR_IDS,
    TOTALSEGMENTATOR_V1_IDS,
    USUAL_VERTEBRAE,
    VERSE_IDS,
)
from utility_functions.anatomy.level_places import misplaced_levels
from utility_functions.files.cases import load_scan, true_landmarks
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases, in_label_code
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap, Volume

USUAL_STEPS = {"C": 17.0, "T": 25.0, "L": 35.0}


def spine(names: tuple[str, ...], ids: dict[str, int], step_mm: float | None = None) -> LabelMap:
    """Blocks of half a step's height under each other, each level's step below the one above."""
    steps = [USUAL_STEPS[name[0]] if step_mm is None else step_mm for name in names]
    tops = np.cumsum([10.0, *steps])
    voxels = np.zeros((20, 20, int(tops[-1] / 2) + 5), np.uint8)
    for name, top, step in zip(names, tops, steps, strict=False):
        voxels[5:15, 5:15, int(top / 2) : int((top + step / 2) / 2)] = ids[name]
    return LabelMap(voxels[:, :, ::-1], Grid.from_spacing(voxels.shape, 2.0))


WHOLE = spine(USUAL_VERTEBRAE, VERSE_IDS)
LUMBAR = tuple(LUMBAR_IDS)


def test_a_whole_spine_and_every_part_of_it_lies_as_its_levels_do():
    for first in range(0, 22, 3):
        for count in (1, 2, 5, 24):
            names = USUAL_VERTEBRAE[first : first + count]
            assert misplaced_levels(spine(names, VERSE_IDS), VERSE_IDS) == ""
    for axcodes in ALL_ORIENTATIONS[::5]:
        assert misplaced_levels(WHOLE.reoriented(axcodes), VERSE_IDS) == ""


FOREIGN = {
    "1 to 5 for L1 to L5": (LUMBAR, LUMBAR_IDS, "it may be lumbar"),
    "TotalSegmentator's": (LUMBAR, TOTALSEGMENTATOR_IDS, "totalsegmentator"),
    "those of its first version": (USUAL_VERTEBRAE[8:], TOTALSEGMENTATOR_V1_IDS, "totalsegmentator_v1"),
    "its first version's L3 to L5": (LUMBAR[2:], TOTALSEGMENTATOR_V1_IDS, "totalsegmentator_v1"),
}


def written(folder: Path, labels: LabelMap) -> Path:
    write_image(Volume(np.zeros(labels.grid.shape, np.int16), labels.grid), folder / "scan.nii.gz")
    write_image(labels, folder / "scan_seg.nii.gz")
    return folder


@pytest.mark.parametrize("code", FOREIGN)
def test_numbers_of_another_program_are_asked_for(code, tmp_path):
    names, ids, words = FOREIGN[code]
    [case] = find_cases(written(tmp_path, spine(names, ids)))
    with pytest.raises(UnknownLevels, match=rf"name its code by --label-code.*{words}"):
        true_landmarks(load_scan(case))
    named = next(name for name, known in LABEL_CODES.items() if known is ids)
    [again] = in_label_code([case], named)
    assert true_landmarks(load_scan(again)).names == names


def test_what_is_told_of_a_map_that_lies_otherwise():
    upside_down = LabelMap(WHOLE.voxels[:, :, ::-1], WHOLE.grid)
    assert "but C2 lies below C1" in misplaced_levels(upside_down, VERSE_IDS)
    cord = LabelMap(np.ones((5, 5, 80), np.uint8), Grid.from_spacing((5, 5, 80), 3.0))
    assert "label 1 is 237 mm high, and C1 would be" in misplaced_levels(cord, VERSE_IDS)
    assert "lie 12 mm apart" in misplaced_levels(spine(LUMBAR, VERSE_IDS, 12.0), VERSE_IDS)
