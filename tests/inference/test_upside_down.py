"""A scan that stands on its head is told by the levels seen in it, before any name is written in reverse."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.upside_down import agreement, levels_of, upside_down_note
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

GRID = Grid.from_spacing((3, 3, 80), 3.0)
COLUMN = LabelMap(np.ones(GRID.shape, np.uint8), GRID)
RISING = np.broadcast_to(np.arange(80, dtype=np.float32), GRID.shape)


def answers_in(image: Volume, column: LabelMap, sure: float = 0.9) -> np.ndarray:
    """Probabilities as if a network read levels off intensities that rise with height, and was lost where they fall."""
    values = image.voxels[column.voxels > 0] / 4
    lost = image.voxels[0, 0, 0] > image.voxels[0, 0, -1]
    levels = np.clip(22 - np.where(lost, 10 + 5 * np.sin(values), values), 0, 25).astype(int)
    answers = np.full((len(levels), 26), (1 - sure) / 25, np.float32)
    answers[np.arange(len(levels)), levels] = 0.6 if lost else sure
    return answers


@pytest.mark.parametrize("on_its_head", [False, True])
@pytest.mark.parametrize("numbers", [False, True])
def test_only_a_scan_on_its_head_is_told(on_its_head: bool, numbers: bool) -> None:
    def answers_of(image: Volume, column: LabelMap) -> np.ndarray:
        found = answers_in(image, column)
        return levels_of(found)[:, None] if numbers else found

    image = Volume(np.ascontiguousarray(RISING[:, :, ::-1] if on_its_head else RISING), GRID)
    note = upside_down_note(answers_of(image, COLUMN), image, COLUMN, answers_of)
    assert ("stands on its head" in note) is on_its_head


def test_a_network_that_is_no_surer_is_no_reason() -> None:
    image = Volume(np.ascontiguousarray(RISING[:, :, ::-1]), GRID)

    def answers_of(image: Volume, column: LabelMap) -> np.ndarray:
        return answers_in(image, column, 0.6)

    assert upside_down_note(answers_of(image, COLUMN), image, COLUMN, answers_of) == ""


def test_levels_that_agree_neither_way_are_no_reason() -> None:
    def anything(image: Volume, column: LabelMap) -> np.ndarray:
        return np.random.default_rng(1).normal(10, 3, (int(column.voxels.sum()), 1)).astype(np.float32)

    image = Volume(np.zeros(GRID.shape), GRID)
    assert upside_down_note(anything(image, COLUMN), image, COLUMN, anything) == ""


def test_a_short_column_tells_nothing() -> None:
    short = LabelMap(np.ones((3, 3, 20), np.uint8), Grid.from_spacing((3, 3, 20), 3.0))
    assert agreement(np.arange(180.0, dtype=np.float32), short) == 1.0
    heights = np.nonzero(COLUMN.voxels)[2]
    assert agreement(-heights.astype(np.float32), COLUMN) == pytest.approx(1.0)
    assert agreement(heights.astype(np.float32), COLUMN) == pytest.approx(-1.0)
