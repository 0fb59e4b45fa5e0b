"""Parts of the spine in MR: discs, canal and cord from tissues or SPINEPS's code, bodies in front of the canal."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny import phantom
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.mr_parts import CANAL, CORD, MR_PARTS, mr_parts, soft_parts
from utility_functions.anatomy.parts import ARCH, BODY, DISC, PARTS, SACRUM
from utility_functions.geometry.volume import LabelMap
from utility_functions.phantom.tissue import TISSUES

MADE = phantom(1)
LABELS, TISSUE_MAP = MADE.label_map.reoriented("RAS"), MADE.tissues.reoriented("RAS")


def test_the_codes_of_ct_stay() -> None:
    assert MR_PARTS[: len(PARTS)] == PARTS and (CANAL, CORD) == (5, 6)


def test_bodies_lie_in_front_of_the_canal_and_arches_behind() -> None:
    soft = soft_parts(LABELS, "verse", TISSUE_MAP, TISSUES)
    parts = mr_parts(MADE.landmarks, LABELS, soft)
    assert {0, BODY, DISC, ARCH, CANAL} <= set(np.unique(parts).tolist()) <= set(range(len(MR_PARTS)))
    free = np.isin(LABELS.voxels, [VERSE_IDS[name] for name in MADE.landmarks.names if name != "S1"])
    assert np.isin(parts[free], (BODY, ARCH)).all()
    np.testing.assert_array_equal(parts[LABELS.voxels == 0], soft[LABELS.voxels == 0])
    middle = [np.argwhere(parts == part)[:, 1].mean() for part in (ARCH, CANAL, BODY)]
    assert middle == sorted(middle)  # from back to front
    assert (parts[LABELS.voxels == VERSE_IDS["S1"]] != DISC).all()
    if "S1" in MADE.landmarks.names:
        assert {BODY, SACRUM} <= set(np.unique(parts[LABELS.voxels == VERSE_IDS["S1"]]).tolist())


def test_spineps_code_tells_discs_canal_and_cord() -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[0, 0, :4] = 20, 120, 61, 60
    found = soft_parts(LabelMap(voxels, LABELS.grid.window((0, 0, 0), (4, 4, 4))), "spineps", None, ())
    assert found[0, 0].tolist() == [0, DISC, CANAL, CORD]


def test_without_discs_and_canal_nothing_is_learnt() -> None:
    with pytest.raises(ValueError, match="tissues or in SPINEPS"):
        soft_parts(LABELS, "verse", None, ())
