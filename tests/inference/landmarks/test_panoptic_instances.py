"""A panoptic network alone: vertebrae found where votes gather, named from the sacrum, truncated ones kept."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.landmarks.panoptic_instances import declared_names
from learning_functions.inference.landmarks.panoptic_masks import panoptic_masks
from tests.inference.iterative.spine_truth import spine
from tests.inference.landmarks.landmark_oracles import PADDING, numbered
from tests.inference.landmarks.test_panoptic_masks import GRID, LABELS, NAMES, PanopticOracle
from tests.tiny import tiny_settings
from tests.views import known_after, view_of
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap


def found_by(network: PanopticOracle, grid: Grid = GRID) -> Findings:
    view = view_of(numbered(grid), Findings("scan", grid), PADDING)
    return known_after(panoptic_masks(network, tiny_settings("panoptic"), view), view)  # type: ignore[arg-type]


def test_every_vertebra_has_a_mask_of_its_own_and_neighbours_have_neighbouring_names() -> None:
    found = found_by(PanopticOracle(GRID.shape))
    assert isinstance(found.instances, VertebraMap) and found.landmarks is not None and found.naming is not None
    ids = [int(number) for number in np.unique(found.instances.voxels) if number]
    assert len(ids) == len(NAMES) and len(found.landmarks) == len(NAMES)
    for number in range(1, len(NAMES) + 1):
        own = np.unique(found.instances.voxels[number == LABELS])
        assert len(own) == 1 and own[0] in ids
    assert found.naming.warning  # there is nothing to count from


def test_the_sacrum_names_the_vertebrae_above_it() -> None:
    sacral = np.zeros(LABELS.shape, np.float32)
    lowest = len(NAMES) == LABELS
    where = np.argwhere(lowest)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    sacral[low[0] : high[0], low[1] - 3 : high[1] + 3, max(low[2] - 3, 0) : high[2]] = 0.9
    sacral[lowest] = 0
    found = found_by(PanopticOracle(GRID.shape, sacral=sacral))
    assert found.landmarks is not None and found.landmarks.names == ("L3", "L4", "L5", "S1")
    sacrum = found.instances.voxels == VERSE_IDS["S1"]  # type: ignore[union-attr]
    assert sacrum[lowest].all() and sacrum[sacral > 0].all()


@pytest.mark.parametrize(
    ("lowest", "expected"),
    [("L4", ("L2", "L3", "L4", "", "S1")), ("L6", ("L4", "L5", "L6", "", "S1")), ("C2", ("", "C1", "C2", "", "S1"))],
)
def test_a_declared_lowest_vertebra_names_those_above_it(lowest: str, expected: tuple[str, ...]) -> None:
    assert declared_names(("T12", "L1", "L2", "", "S1"), lowest) == expected


def test_truncated_vertebrae_have_masks_and_are_told() -> None:
    labels = spine(len(NAMES), truncated=True)
    grid = Grid.from_spacing(labels.shape, 4.0)
    found = found_by(PanopticOracle(grid.shape, labels=labels), grid)
    assert {number for number in np.unique(found.instances.voxels) if number} <= {VERSE_IDS[n] for n in VERTEBRAE}  # type: ignore[union-attr]
    assert len(np.unique(found.instances.voxels)) == len(NAMES) + 1  # type: ignore[union-attr]
    assert any("truncated by the border" in note for note in found.notes)


def test_a_scan_without_vertebrae_is_told() -> None:
    found = found_by(PanopticOracle(GRID.shape, labels=np.zeros_like(LABELS)))
    assert found.landmarks is not None and not len(found.landmarks) and found.notes
