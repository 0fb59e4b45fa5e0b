"""Masks per vertebra against a truth: columns of blocks, matched, missed, false, split, merged or truncated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losses_and_metrics.instance_scores import score_instances
from losses_and_metrics.labelled_range import LabelledRange
from tests.geometry.any_grids import grids
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.anatomy.labels import TOTALSEGMENTATOR_IDS, VERSE_IDS
from utility_functions.files.images import read_label_map
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore

STEP, SIZE = 10, 8  # voxels from block to block, and of a block
GRID = Grid.from_spacing((16, 14, 64), (2, 2, 2))
T12, L1, L2, L3, L4, L5, L6, S1 = (VERSE_IDS[name] for name in ("T12", "L1", "L2", "L3", "L4", "L5", "L6", "S1"))


def column(labels: dict[int, int]) -> LabelMap:
    """Blocks of 16 x 16 x 16 mm by place, counted from the top, 20 mm from block to block, on GRID."""
    voxels = np.zeros(GRID.shape, np.int32)
    for place, label in labels.items():
        end = GRID.shape[2] - 3 - STEP * place
        voxels[4:12, 3:11, end - SIZE : end] = label
    return LabelMap(voxels, GRID)


TRUE = column({1: L1, 2: L2, 3: L3})


def shifted(label_map: LabelMap, voxels: int, axis: int = 0) -> LabelMap:
    return label_map.with_voxels(np.roll(label_map.voxels, voxels, axis))


def matches(score: SegmentationScore) -> str:
    return " ".join(vertebra.match or "-" for vertebra in score.vertebrae)


# predicted; matches of L1, L2 and L3; false; outside; merged; split
CASES = {
    "all right": (TRUE, "L1 L2 L3", (), (), (), ()),
    "nothing": (column({}), "- - -", (), (), (), ()),
    "named one too low": (column({1: L2, 2: L3, 3: L4}), "L2 L3 L4", (), (), (), ()),
    "one missed": (column({1: L1, 3: L3}), "L1 - L3", (), (), (), ()),
    "more than is labelled": (column({0: T12, 1: L1, 2: L2, 3: L3, 4: L4}), "L1 L2 L3", (), ("T12", "L4"), (), ()),
    "in a strange code": (column({1: 20, 2: 77, 3: 22}), "L1 label 77 L3", (), (), (), ()),
    "a sacrum in its place": (column({1: L1, 2: L2, 3: S1}), "L1 L2 S1", (), (), (), ()),
    "a sacrum elsewhere": (column({1: L1, 2: L2, 3: L3, 4: S1}), "L1 L2 L3", (), (), (), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_predictions_are_matched_with_vertebrae(case: str) -> None:
    predicted, matched, false, beyond, merged, split = CASES[case]
    score = score_instances("a", predicted, TRUE)
    assert [vertebra.name for vertebra in score.vertebrae] == ["L1", "L2", "L3"]
    assert matches(score) == matched
    assert (score.false, score.beyond, score.merged, score.split) == (false, beyond, merged, split)


def test_masks_and_names_are_scored_separately() -> None:
    score = score_instances("a", shifted(column({1: L2, 2: L3, 3: L4}), 1), TRUE)
    for vertebra in score.vertebrae:
        assert vertebra.found and vertebra.name_right is False
        assert vertebra.mask.dice == pytest.approx(7 / 8) and vertebra.mask.iou == pytest.approx(7 / 9)
        assert (vertebra.mask.hd_mm, vertebra.mask.hd95_mm) == (2, 2)
    first, second, third = (vertebra.named for vertebra in score.vertebrae)
    assert first == MISSED, "no prediction has the name L1"
    assert second is not None and third is not None and second.dice == third.dice == 0
    assert second.hd_mm == pytest.approx(np.hypot(20, 2)), "the prediction L2 lies on L1"


def test_a_missed_one_has_dice_0_and_no_distance() -> None:
    vertebra = score_instances("a", column({}), TRUE).vertebrae[0]
    assert vertebra.mask == vertebra.named == MaskScore(0, 0, None, None, None)
    assert (vertebra.found, vertebra.name_right, vertebra.completeness_right) == (False, None, None)


def test_a_split_vertebra_matches_its_larger_part() -> None:
    voxels = TRUE.voxels.copy()
    voxels[4:7][TRUE.voxels[4:7] == L2] = L5  # 3 of 8 parts
    score = score_instances("a", LabelMap(voxels, GRID), TRUE)
    assert matches(score) == "L1 L2 L3" and score.split == ("L2",) and score.false == ("L5",)
    assert score.vertebrae[1].parts == ("L2", "L5") and score.vertebrae[1].mask.iou == 5 / 8
    voxels[5:7][TRUE.voxels[5:7] == L2] = L2  # 1 of 8, still more than a tenth
    assert score_instances("a", LabelMap(voxels, GRID), TRUE).split == ("L2",)
    voxels[4, :5][TRUE.voxels[4, :5] == L2] = L2  # the rest has less than a tenth
    voxels[4, 8:][TRUE.voxels[4, 8:] == L2] = L2
    few = score_instances("a", LabelMap(voxels, GRID), TRUE)
    assert few.split == () and few.false == ("L5",)


def test_a_merged_prediction_matches_one_of_its_vertebrae() -> None:
    voxels = TRUE.voxels.copy()
    voxels[voxels == L3] = L2
    score = score_instances("a", LabelMap(voxels, GRID), TRUE)
    assert score.merged == ("L2",) and score.false == () and score.split == ()
    assert sorted(vertebra.found for vertebra in score.vertebrae) == [False, True, True]


def test_a_prediction_beside_the_labelled_column_is_false_and_one_above_it_is_not() -> None:
    voxels = TRUE.voxels.copy()
    voxels[13:16, 3:6, 30:36] = L5
    voxels[13:16, 3:6, 58:64] = T12
    score = score_instances("a", LabelMap(voxels, GRID), TRUE)
    assert (score.false, score.beyond) == (("L5",), ("T12",))


def test_a_prediction_on_a_labelled_sacrum_is_false() -> None:
    true = column({1: L4, 2: L5, 3: S1})
    score = score_instances("a", column({1: L4, 2: L5, 3: L6}), true)
    assert (score.false, score.beyond, matches(score)) == (("L6",), (), "L4 L5")


def test_too_little_overlap_is_no_match() -> None:
    wide = Grid.from_spacing((40, 4, 4), 1)
    true, predicted = np.zeros((2, *wide.shape), np.uint8)
    true[0:20] = L1
    predicted[17:37] = L1  # 3 of 37 voxels across
    assert matches(score_instances("a", LabelMap(predicted, wide), LabelMap(true, wide))) == "-"
    predicted[16] = L1  # 4 of 37: more than a tenth
    assert matches(score_instances("a", LabelMap(predicted, wide), LabelMap(true, wide))) == "L1"


def test_matching_maximises_the_sum_of_overlaps() -> None:
    """A long prediction reaches over both: the sum of the overlaps decides, not the order."""
    line = Grid.from_spacing((1, 1, 30), 1)
    true, predicted = np.zeros((2, *line.shape), np.uint8)
    true[0, 0, 10:20], true[0, 0, 0:10] = L1, L2
    predicted[0, 0, 6:16], predicted[0, 0, 16:26] = L3, L4  # L3: 6 on L1, 4 on L2; L4: 4 on L1
    assert matches(score_instances("a", LabelMap(predicted, line), LabelMap(true, line))) == "L4 L3"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_vertebra_at_a_face_of_the_image_is_not_complete(axis: int) -> None:
    cut = score_instances(
        "a", TRUE, TRUE.with_voxels(np.roll(TRUE.voxels, -TRUE.voxels.any(axis=_others(axis)).argmax(), axis))
    )
    whole = score_instances("a", TRUE, TRUE)
    assert all(vertebra.complete for vertebra in whole.vertebrae)
    assert [vertebra.complete for vertebra in cut.vertebrae] == ([True, True, False] if axis == 2 else [False] * 3)


def _others(axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(3) if other != axis)


def test_completeness_is_scored_where_it_was_predicted() -> None:
    true = shifted(TRUE, -(GRID.shape[2] - 3 - STEP * 3 - SIZE), 2)
    completeness = {"L1": 0.9, "L3": 0.7, "L2": np.float32(0.49)}
    score = score_instances("a", true, true, completeness=completeness)
    assert [vertebra.complete for vertebra in score.vertebrae] == [True, True, False]
    assert [vertebra.predicted_complete for vertebra in score.vertebrae] == [True, False, True]
    assert {type(vertebra.predicted_complete) for vertebra in score.vertebrae} == {bool}, "also for numpy numbers"
    assert [vertebra.completeness_right for vertebra in score.vertebrae] == [True, False, False]
    assert [vertebra.completeness_right for vertebra in score_instances("a", true, true).vertebrae] == [None] * 3


def test_the_order_is_anatomical_and_never_that_of_the_numbers() -> None:
    thirteen = VERSE_IDS["T13"]
    score = score_instances("a", TRUE, column({1: thirteen, 2: L1, 3: L6}))
    assert [vertebra.name for vertebra in score.vertebrae] == ["T13", "L1", "L6"]


def test_a_truth_in_another_code_has_its_names() -> None:
    ids = TOTALSEGMENTATOR_IDS
    true = column({1: ids["L4"], 2: ids["L5"], 3: ids["S1"], 0: 117})
    score = score_instances("a", column({1: L4, 2: L6}), true, "totalsegmentator")
    assert [(vertebra.name, vertebra.match, vertebra.name_right) for vertebra in score.vertebrae] == [
        ("L4", "L4", True),
        ("L5", "L6", False),
    ]


@pytest.mark.parametrize(("code", "labels"), [("spider", (102, 2, 1)), ("csi2014", (300, 200, 100))])
def test_a_truth_without_levels_scores_masks_alone(code: str, labels: tuple[int, ...]) -> None:
    true = column(dict(enumerate(labels, start=1)))
    if code == "spider":
        true.voxels[1:3, 3:11, 20:50] = 100  # the canal
        true.voxels[13:15, 3:11, 33:35] = 202  # a disc
    score = score_instances("a", column({1: L1, 2: L2, 3: L3}), true, code)
    assert [vertebra.label for vertebra in score.vertebrae] == list(labels), "from the top down"
    assert matches(score) == "L1 L2 L3"
    assert all(vertebra.name == "" and vertebra.named is None for vertebra in score.vertebrae)
    assert all(vertebra.name_right is None and vertebra.mask.dice == 1 for vertebra in score.vertebrae)
    assert [vertebra.complete for vertebra in score.vertebrae] == [code != "spider", True, True], "102: partly visible"
    assert score_instances("a", column({}), true, code).missed == tuple(f"label {label}" for label in labels)


def test_a_truth_without_vertebrae_scores_nothing() -> None:
    score = score_instances("a", TRUE, column({1: S1}))
    assert (score.vertebrae, score.false, score.beyond) == ((), (), ("L1", "L2", "L3"))
    assert score.dice is None
    both = score_instances("a", column({}), column({}))
    assert both == SegmentationScore("a", ())


def test_a_single_labelled_voxel_is_scored() -> None:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[5, 5, 5] = L1
    score = score_instances("a", LabelMap(voxels, GRID), LabelMap(voxels, GRID))
    assert score.vertebrae[0].mask == MaskScore(1, 1, 0, 0, 0)


def test_labels_that_are_not_known_and_other_grids_are_refused() -> None:
    with pytest.raises(UnknownLevels, match="Received: 77"):
        score_instances("a", TRUE, column({1: 77}))
    with pytest.raises(ValueError, match="Received: 'spam'"):
        score_instances("a", TRUE, TRUE, "spam")
    with pytest.raises(ValueError, match="Predicted and true masks must lie on one grid"):
        score_instances("a", TRUE, LabelMap(TRUE.voxels, GRID.resampled(1.9).window((0, 0, 0), GRID.shape)))


def test_all_48_storages_score_the_same() -> None:
    predicted = shifted(column({0: T12, 1: L2, 2: L2, 3: L3}), 1, 1)
    expected = score_instances("a", predicted, TRUE)
    for axcodes in ALL_ORIENTATIONS:
        same_scores(score_instances("a", predicted.reoriented(axcodes), TRUE.reoriented(axcodes)), expected)


@settings(max_examples=15, deadline=None)
@given(grid=grids(most_degrees=20, shapes=st.just((9, 8, 20))))
def test_any_grid_scores_a_perfect_answer_as_perfect(grid: Grid) -> None:
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[2:7, 2:6, 3:8], voxels[2:7, 2:6, 11:16] = L1, L2
    score = score_instances("a", LabelMap(voxels, grid), LabelMap(voxels, grid))
    assert [vertebra.mask for vertebra in score.vertebrae] == [MaskScore(1, 1, 0, 0, 0)] * 2
    assert all(vertebra.complete for vertebra in score.vertebrae) and score.false == ()


def same_scores(score: SegmentationScore, expected: SegmentationScore) -> None:
    assert (score.false, score.beyond, score.merged) == (expected.false, expected.beyond, expected.merged)
    for one, other in zip(score.vertebrae, expected.vertebrae, strict=True):
        assert (one.name, one.match, one.complete, one.parts) == (other.name, other.match, other.complete, other.parts)
        for mine, theirs in ((one.mask, other.mask), (one.named, other.named)):
            assert mine is not None and theirs is not None
            assert vars(mine) == {key: value and pytest.approx(value, rel=1e-9) for key, value in vars(theirs).items()}


@pytest.mark.parametrize(
    ("bodies_mm", "inside", "outside"),
    [
        ([(0, 0, 0)], [(50, 0, 9), (0, 0, -9)], [(0, 0, 11), (0, 0, -11)]),
        ([(0, 0, 0), (0, 0, -30)], [(0, 0, 14), (0, 0, -44)], [(0, 0, 16), (0, 0, -46)]),
        ([(0, 0, 0), (0, 0, -30), (0, 40, -60)], [(0, 55, -70)], [(0, 65, -75), (0, 0, 16)]),  # inclined at its end
        ([(0, 0, 0), (0, 0, -90)], [(0, 0, 19)], [(0, 0, 21)]),  # a label is missing between
        ([(0, 0, 0), (0, 0, 0)], [(0, 0, 0)], [(0, 0, 1), (0, 0, -1)]),
    ],
)
def test_the_labelled_range_ends_half_a_step_outside_its_bodies(
    bodies_mm: list, inside: list[tuple], outside: list[tuple]
) -> None:
    labelled = LabelledRange.along(bodies_mm)
    assert all(labelled.holds(point) for point in inside)
    assert not any(labelled.holds(point) for point in outside)
    assert labelled.holds([inside, inside]).all() and not labelled.holds(outside).any()


def test_outside_the_labelled_range_the_spine_is_extended_straight() -> None:
    labelled = LabelledRange.along([(0, 0, 0), (0, 0, -30)])
    points = [(0, 0, 0), (0, 0, 20), (3, 4, 100), (6, 8, -50), (40, 0, -15)]
    np.testing.assert_allclose(labelled.beyond_mm(points), [[-15, -45], [5, -65], [85, -145], [-65, 5], [-30, -30]])
    np.testing.assert_allclose(labelled.aside_mm(points), [15, 0, 5, 10, 50])


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one body"):
        LabelledRange.along([])


@pytest.mark.real
@pytest.mark.parametrize("dropped", [1, 2])
@pytest.mark.parametrize("name", ["sub-gl003_dir-ax_seg-vert_msk", "sub-verse010_seg-vert_msk"])
def test_real_vertebrae_that_nobody_labelled_are_never_false(real: Path, name: str, dropped: int) -> None:
    every = read_label_map(real / "verse_masks" / f"{name}.nii.gz")
    labels = [label for label in np.unique(every.voxels).tolist() if label]
    outer = [*labels[:dropped], *labels[-dropped:]]
    score = score_instances("a", every, without(every, outer))
    assert score.false == () and len(score.beyond) == 2 * dropped
    gap = score_instances("a", every, without(every, [labels[len(labels) // 2]]))
    assert len(gap.false) == 1, "a gap in the labels is no end of them"


def without(label_map: LabelMap, labels: list[int]) -> LabelMap:
    return label_map.with_voxels(np.where(np.isin(label_map.voxels, labels), 0, label_map.voxels))
