"""Overlapping masks, and their borders on the scan's own voxels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference import label_fusion as module
from learning_functions.inference.label_fusion import LabelFusion
from tests.geometry.any_grids import ALL_ORIENTATIONS
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings

COARSE = Grid.from_spacing((16, 16, 16), (4.0, 4.0, 4.0), (2.0, 2.0, 2.0))
FINE = Grid.from_spacing((64, 64, 64), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5))
START = np.zeros(3, int)


def box(*slices: slice) -> NDArray[np.bool_]:
    mask = np.zeros(COARSE.shape, bool)
    mask[slices] = True
    return mask


def fused(*masks: tuple[int, NDArray[np.bool_]], certainty: float = 0.9, beside: float = 0.0) -> LabelFusion:
    fusion = LabelFusion(COARSE)
    for number, mask in masks:
        fusion.add(number, START, mask, np.where(mask, certainty, beside).astype(np.float16))
    return fusion


LEFT, RIGHT = box(slice(4, 8), slice(4, 12), slice(4, 12)), box(slice(8, 12), slice(4, 12), slice(4, 12))


def test_overlaps_go_to_the_likelier_mask_in_either_order() -> None:
    wide = box(slice(4, 10), slice(4, 12), slice(4, 12))
    for order in (0, 1):
        fusion = LabelFusion(COARSE)
        masks = [(3, wide, 0.6), (7, RIGHT, 0.8)]
        for number, mask, certainty in masks[:: 1 if order else -1]:
            fusion.add(number, START, mask, mask * np.float16(certainty))
        labels = fusion.labels()
        assert (labels[RIGHT] == 7).all() and (labels[wide & ~RIGHT] == 3).all()
        assert np.count_nonzero(labels) == np.count_nonzero(wide | RIGHT)


def test_a_mask_keeps_its_voxels_at_any_probability_and_takes_none_beside_it() -> None:
    fusion = fused((5, LEFT), certainty=0.3, beside=0.95)
    assert np.array_equal(fusion.labels() == 5, LEFT)


def test_voxels_outside_the_grid_are_left_out() -> None:
    fusion = LabelFusion(COARSE)
    mask = np.ones((6, 6, 6), bool)
    fusion.add(4, np.array([-3, 13, 5]), mask, mask.astype(np.float16))
    fusion.add(6, np.array([40, 0, 0]), mask, mask.astype(np.float16))
    assert np.array_equal(fusion.labels() == 4, box(slice(0, 3), slice(13, 16), slice(5, 11)))
    assert not (fusion.labels() == 6).any()


def test_labels_stay_on_their_own_grid() -> None:
    fusion = fused((3, LEFT), (7, RIGHT), beside=0.4)
    assert np.array_equal(fusion.on(COARSE).voxels, fusion.labels())


def test_two_masks_that_touch_meet_between_voxels_without_a_gap() -> None:
    fusion = fused((3, LEFT), (7, RIGHT))
    fine = Grid.from_spacing((64, 64, 64), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    found = fusion.on(fine).voxels
    assert set(np.unique(found)) == {0, 3, 7}
    assert (found[18:44, 20:44, 20:44] > 0).all(), "the sum of probabilities stays where they meet"
    assert (found[:30] != 7).all() and (found[31:] != 3).all()
    for axcodes in ALL_ORIENTATIONS[::5]:
        assert np.array_equal(fusion.on(fine.reoriented(axcodes)).reoriented("RAS").voxels, found)


def test_probabilities_beside_a_mask_move_its_border() -> None:
    mask = box(slice(4, 12), slice(4, 12), slice(4, 12))
    volumes = [int((fused((5, mask), beside=beside).on(FINE).voxels == 5).sum()) for beside in (0.0, 0.2, 0.45)]
    assert volumes[0] < volumes[1] < volumes[2]


def test_slabs_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    fusion = fused((5, LEFT), (6, RIGHT), certainty=0.7, beside=0.3)
    fine = FINE.reoriented("PIR")
    whole = fusion.on(fine)
    monkeypatch.setattr(module, "SLAB_VOXELS", 20_000)
    assert whole.voxels.any() and (whole.voxels != fusion.on(fine).voxels).mean() < 1e-5


def test_removed_voxels_have_no_label() -> None:
    fusion = fused((5, LEFT), (6, RIGHT), beside=0.4)
    fusion.keep_only(LEFT)
    assert np.array_equal(fusion.labels(), np.where(LEFT, 5, 0))


def test_the_sacrum_found_before_stays_where_no_vertebra_is() -> None:
    before = np.where(LEFT | RIGHT, VERSE_IDS["S1"], 0).astype(np.uint8)
    fusion = fused((5, LEFT), beside=0.4)
    fusion.add_sacrum(Findings("scan", COARSE))
    assert np.array_equal(fusion.labels(), np.where(LEFT, 5, 0))
    fusion.add_sacrum(Findings("scan", COARSE, instances=LabelMap(before, COARSE)))
    assert np.array_equal(fusion.labels(), np.where(LEFT, 5, np.where(RIGHT, VERSE_IDS["S1"], 0)))


def test_a_target_elsewhere_gets_no_label() -> None:
    away = Grid.from_spacing((8, 8, 8), (1.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    assert not fused((2, box(slice(0, 16)))).on(away).voxels.any()
