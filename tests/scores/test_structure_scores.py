"""Vertebrae, discs and canal against a truth: known numbers, missed and false ones, other numbers, empty maps."""

from __future__ import annotations

import numpy as np
import pytest

from losses_and_metrics.structure_scores import score_structures, summarise_structures
from tests.made_spines import spine
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.mask_scores import MISSED, MaskScore
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import structure_frame
from utility_functions.reporting.score_text import structure_summary_text, structure_text

TRUE = spine(3)


def changed(**numbers: int) -> LabelMap:
    table = np.arange(256).astype(np.uint8)
    for number, new in numbers.items():
        table[int(number[1:])] = new
    return LabelMap(table[TRUE.voxels], TRUE.grid)


def test_equal_maps_score_perfectly() -> None:
    score = score_structures("a", TRUE, TRUE)
    assert list(score.classes) == ["vertebra", "disc", "canal"]
    assert set(score.classes.values()) == {MaskScore(1.0, 1.0, 0.0, 0.0, 0.0)}
    assert [(each.structure, each.label, each.match) for each in score.instances] == [
        *(("vertebra", number, number) for number in (1, 2, 3)),
        *(("disc", number, number) for number in (201, 202, 203)),
        ("canal", 100, 100),
    ]
    assert all(each.mask.dice == 1.0 and each.number_right for each in score.instances) and score.false == ()


def test_codes_of_partial_structures_do_not_count() -> None:
    score = score_structures("a", TRUE, changed(n3=103))
    assert all(each.number_right for each in score.instances)
    assert score_structures("a", changed(n3=103), TRUE).instances == score.instances


def test_half_a_disc_has_the_dice_of_half_a_disc() -> None:
    voxels = TRUE.voxels.copy()
    voxels[:7][voxels[:7] == 202] = 0
    score = score_structures("a", LabelMap(voxels, TRUE.grid), TRUE)
    (disc,) = (each for each in score.instances if each.label == 202)
    assert disc.mask.dice == pytest.approx(2 / 3) and disc.mask.iou == pytest.approx(0.5)
    assert disc.mask.hd_mm == pytest.approx(12.0), "4 voxels of 3 mm"
    assert score.classes["disc"].dice == pytest.approx(2 * 5 / (5 + 6))


def test_a_missed_structure_has_no_distance() -> None:
    score = score_structures("a", changed(n2=0, n100=0), TRUE)
    missed = [each for each in score.instances if not each.found]
    assert [each.label for each in missed] == [2, 100]
    assert all(each.mask == MISSED and each.number_right is None for each in missed)
    assert score.classes["canal"] == MaskScore(0.0, 0.0)


def test_a_prediction_without_a_match_is_false() -> None:
    voxels = TRUE.voxels.copy()
    voxels[0:3, 0:3, 0:3] = 9
    assert score_structures("a", LabelMap(voxels, TRUE.grid), TRUE).false == (9,)
    assert score_structures("a", changed(n2=202), TRUE).false == (), "one disc over both lies on a disc"


def test_numbers_one_off_are_found_and_not_right() -> None:
    score = score_structures("a", changed(n1=2, n2=3, n3=4), TRUE)
    vertebrae = [each for each in score.instances if each.structure == "vertebra"]
    assert [each.match for each in vertebrae] == [2, 3, 4] and not any(each.number_right for each in vertebrae)
    assert all(each.mask.dice == 1.0 for each in vertebrae)


def test_of_two_empty_maps_nothing_is_defined() -> None:
    empty = LabelMap(np.zeros_like(TRUE.voxels), TRUE.grid)
    score = score_structures("a", empty, empty)
    assert set(score.classes.values()) == {MaskScore(None, None)} and score.instances == () == score.false
    row = ScanRow("a", structures=score)
    assert structure_text(row) and structure_summary_text(summarise_structures(structure_frame([row])))
    assert score_structures("a", TRUE, empty).false == (), "without a truth nothing is false"


def test_other_grids_and_other_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="Predicted and true structures"):
        score_structures("a", spine(3, spacing_mm=(3.0, 2.0, 2.1)), TRUE)
    with pytest.raises(ValueError, match=r"Received: 77\."):
        score_structures("a", changed(n2=77), TRUE)


def test_scans_are_summarised_by_class() -> None:
    scores = [score_structures("a", TRUE, TRUE), score_structures("b", changed(n2=0, n1=2), TRUE)]
    summary = summarise_structures(structure_frame(ScanRow(score.case_id, structures=score) for score in scores))
    assert summary["structure"].tolist() == ["vertebra", "disc", "canal"] and (summary["scans"] == 2).all()
    vertebra, _, canal = summary.to_dict("records")
    assert [vertebra[name] for name in ("instances", "found", "number_right", "false")] == [6, 5, 4, 0]
    assert vertebra["instance_dice"] == pytest.approx(5 / 6) and vertebra["instance_assd_mm_n"] == 5
    assert vertebra["dice"] == pytest.approx((1 + 2 * 2 / 5) / 2, abs=1e-6)
    assert vertebra["dice_ci95_low"] < vertebra["dice_ci95_high"] and canal["dice"] == 1.0
    text = structure_summary_text(summary)
    assert text.splitlines()[1].split()[:2] == ["vertebra", "0.900"] and "95 % intervals" in text
