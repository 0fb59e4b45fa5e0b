"""Text tables and the plot of masks, also of no scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from losses_and_metrics.instance_summary import summarise_masks
from tests.made_rows import masked
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore
from utility_functions.reporting.plots import dice_box_plot
from utility_functions.reporting.score_frames import level_frame
from utility_functions.reporting.score_text import mask_summary_text, mask_text

SCORE = SegmentationScore(
    "a",
    (
        VertebraScore(19, "T12", False, "T12", MaskScore(0.9, 0.8, 4.0, 2.0, 0.5), MaskScore(0.9, 0.8), False),
        VertebraScore(20, "L1", True, "L3", MaskScore(0.8, 0.7, 5.0, 3.0, 1.0), MISSED, None, ("L2", "L3")),
        VertebraScore(7, "", True, None, MISSED),
    ),
    false=("C3",),
    merged=("L3",),
)


def test_a_scans_table_by_hand() -> None:
    (row,) = masked(SCORE)
    assert mask_text(row).splitlines() == [
        "level    mask of   Dice    IoU  HD mm  HD95 mm  ASSD mm  Dice by name  complete  predicted complete",
        "T12      T12      0.900  0.800   4.00     2.00     0.50         0.900        no                  no",
        "L1       L3       0.800  0.700   5.00     3.00     1.00         0.000       yes                   -",
        "label 7  -        0.000  0.000    n/a      n/a      n/a           n/a       yes                   -",
        "masks: 2 of 3 found, mean Dice 0.567",
        "without a mask: label 7",
        "masks on no vertebra: C3",
        "split between masks: L1",
        "masks over several vertebrae: L3",
    ]
    assert mask_text(*masked(SegmentationScore("a", ()))) == "no true mask to score against"


def summed(*scores: SegmentationScore) -> str:
    return mask_summary_text(summarise_masks(level_frame(masked(*scores))))


def test_a_summary_by_hand() -> None:
    lines = summed(SCORE).splitlines()
    header = ["vertebrae", "found", "name", "right", "Dice", "IoU", "HD", "mm", "HD95", "mm", "ASSD", "mm", "Dice"]
    assert lines[0].split() == ["group", *header, "by", "name", "completeness", "false", "split", "merged"]
    assert [line.split()[0] for line in lines[1:]] == [
        *("All", "Complete", "Cervical", "Thoracic", "Lumbar", "T12", "L1"),
    ], "and no interval of a single scan"
    every = "3 66.7 % 50.0 % 0.567 0.500 4.50 2.50 0.75 0.450 100.0 % 1 1 1"
    assert lines[1].split()[1:] == every.split()
    assert lines[3].split()[1:] == ["0", *["n/a"] * 9, "1", "0", "0"]
    assert len({len(line) for line in lines}) == 1, "aligned columns"
    two = summed(SCORE, replace(SCORE, case_id="b", vertebrae=SCORE.vertebrae[:1]))
    assert two.splitlines()[-1] == (
        "95 % intervals over scans, All: found 66.7 to 100.0 %, Dice 0.567 to 0.900, "
        "HD95 mm 2.00 to 2.50, ASSD mm 0.50 to 0.75"
    )


@pytest.mark.parametrize("dice", [{"T12": [0.9], "L1": [0.8, 0.0]}, {}, {"L1": []}])
def test_an_empty_plot_of_dice_is_written(tmp_path: Path, dice: dict[str, list[float]]) -> None:
    dice_box_plot(dice, tmp_path / "dice.png")
    assert np.ptp(imread(tmp_path / "dice.png")[..., :3]) > 0.5
