"""Notes on the names of a segmented chain."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.iterative.patch_prediction import Instance
from learning_functions.inference.iterative.segmented_chain import CONTRADICTION, found_instances
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

GRID = Grid.from_spacing((40, 40, 40), (2.5, 2.5, 2.5))
HEIGHTS = (30, 18, 6)


@pytest.mark.parametrize(
    ("before", "note"),
    [
        (("T12", "L1", "L2"), "The names are those found before."),
        (("T12", "", "L2"), "2 of 3 names were found before; the others are counted from there."),
        (("L2", "", "T12"), CONTRADICTION),
    ],
)
def test_a_note_tells_the_origin_of_the_names(before: tuple[str, ...], note: str) -> None:
    cube = np.ones((4, 4, 4), bool)
    chain = [Instance((18, 18, z), cube, 1.0, 19.0 + place) for place, z in enumerate(HEIGHTS)]
    known = [i for i, name in enumerate(before) if name]
    landmarks = Landmarks(tuple(before[i] for i in known), GRID.to_mm(np.array([chain[i].mean for i in known], float)))
    view = view_of(Volume(np.zeros(GRID.shape, np.float32), GRID), Findings("scan", GRID, landmarks=landmarks))
    assert note in found_instances(view, chain).notes
