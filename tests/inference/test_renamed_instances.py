"""Masks that were found before get the names that levels predicted in them tell."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.renamed_instances import has_instances, renamed_instances
from tests.views import view_of
from utility_functions.anatomy.labels import VERSE_IDS, regressed_level
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, VertebraMap

GRID = Grid.from_spacing((12, 12, 60), 4.0)
BEFORE, TRUE = ("L1", "L2", "L3", "L4"), ("T11", "T12", "L1", "L2")


def known(kind: type[LabelMap] = VertebraMap) -> Findings:
    voxels = np.zeros(GRID.shape, np.uint8)
    points = []
    for place, name in enumerate(BEFORE):
        top = 55 - 8 * place
        voxels[3:9, 3:9, top - 5 : top + 1] = VERSE_IDS[name]
        points.append(GRID.to_mm([5.5, 5.5, top - 2.5]))
    landmarks = Landmarks(BEFORE[1:], np.array(points[1:]))  # the centre of the uppermost is out of the scan
    return Findings("scan", GRID, instances=kind(voxels, GRID), landmarks=landmarks)  # type: ignore[arg-type]


def test_masks_stay_and_names_follow_the_votes() -> None:
    findings = known()
    view = view_of(Volume(np.zeros(GRID.shape, np.float32), GRID), findings).having(unplaced=findings)
    assert has_instances(view)
    owners = findings.instances.voxels  # type: ignore[union-attr]
    levels = np.zeros(GRID.shape, np.float32)
    for before, true in zip(BEFORE, TRUE, strict=True):
        levels[owners == VERSE_IDS[before]] = regressed_level(true)
    column = LabelMap((owners > 0).astype(np.uint8), GRID)
    found = renamed_instances(view, column, levels, None, 1.0)
    assert found.landmarks is not None and set(TRUE[1:]) <= set(found.landmarks.names) and found.naming is not None
    assert isinstance(found.instances, VertebraMap)
    for before, true in zip(BEFORE, TRUE, strict=True):
        assert (found.instances.voxels[owners == VERSE_IDS[before]] == VERSE_IDS[true]).all()
    assert (found.instances.voxels[owners == 0] == 0).all()


@pytest.mark.parametrize("findings", [known(BodyMap), Findings("scan", GRID), known().having(landmarks=None)])
def test_tubes_and_masks_without_landmarks_are_not_renamed(findings: Findings) -> None:
    view = view_of(Volume(np.zeros(GRID.shape, np.float32), GRID), findings).having(unplaced=findings)
    assert not has_instances(view)
