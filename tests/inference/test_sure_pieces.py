"""Pieces of the column that detection is not sure of are left out; a spine and its arches stay."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.sure_pieces import sure_pieces
from learning_functions.task import load_task
from learning_functions.tasks.detection import IN_DOUBT, NOTHING
from utility_functions.anatomy.parts import ARCH, BODY, DISC, PARTS
from utility_functions.geometry.grid import Grid
from utility_functions.records.map_kinds import ClassProbabilities, PartMap, TubeMap

GRID = Grid.from_spacing((20, 10, 10), 2.0)
TASK = load_task("detection")
PUBLISHED = TASK.presets["shipped"]
SETTINGS = PUBLISHED.with_options(sure_from=0.78)


def shown(*boxes: tuple[slice, int, float], kind: type = PartMap, classes: int = len(PARTS)) -> ClassProbabilities:
    """Boxes of (slices along x, part, its probability); the rest of a voxel, and all else, is background."""
    voxels = np.zeros((*GRID.shape, classes), np.float16)
    voxels[..., 0] = 1
    for x, part, probability in boxes:
        voxels[x, 2:8, 2:8, 0], voxels[x, 2:8, 2:8, part] = 1 - probability, probability
    return ClassProbabilities(voxels, GRID, kind)


def test_a_piece_in_doubt_becomes_background_and_others_stay() -> None:
    spine = [(slice(0, 4), BODY, 0.95), (slice(4, 5), DISC, 0.8), (slice(5, 8), ARCH, 0.6)]
    found = sure_pieces(shown(*spine, (slice(12, 18), BODY, 0.7)), 0.78)
    np.testing.assert_array_equal(found.voxels, shown(*spine).voxels)


def test_where_nothing_is_in_doubt_nothing_is_copied() -> None:
    every = shown((slice(0, 4), BODY, 0.9), (slice(4, 8), ARCH, 0.55))
    assert sure_pieces(every, 0.78) is every
    empty = shown()
    assert sure_pieces(empty, 0.78) is empty


def test_the_parts_of_one_piece_are_judged_together() -> None:
    joined = shown((slice(0, 9), BODY, 0.9), (slice(9, 10), DISC, 0.55))
    assert sure_pieces(joined, 0.78) is joined, "its ends are less sure than a spine is"


@pytest.mark.parametrize(
    ("probabilities", "note"),
    [
        (shown((slice(0, 4), BODY, 0.9)), ()),
        (shown((slice(0, 4), BODY, 0.6)), (IN_DOUBT,)),
        (shown((slice(0, 4), BODY, 0.6), (slice(8, 12), ARCH, 0.9)), (IN_DOUBT,)),
        (shown(), (NOTHING,)),
        (shown((slice(0, 4), 1, 0.6), kind=TubeMap, classes=2), ()),
        (shown(kind=TubeMap, classes=2), (NOTHING,)),
    ],
    ids=["sure", "in doubt", "and an arch", "nothing", "tubes", "no tube"],
)
def test_a_scan_in_which_all_is_in_doubt_shows_no_vertebra(probabilities: ClassProbabilities, note: tuple) -> None:
    found = TASK.found_in(probabilities, SETTINGS)
    assert found.notes == note and found.detection is not None


def test_a_model_whose_card_has_no_limit_keeps_every_piece() -> None:
    doubted = shown((slice(0, 4), BODY, 0.6))
    found = TASK.found_in(doubted, PUBLISHED)
    assert found.notes == () and found.detection is doubted
