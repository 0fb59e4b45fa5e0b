"""Painted scans without a spine show no vertebra, and differ from each other."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.phantom.spineless import SPINELESS, painted_spineless

OWN = [kind for kind in SPINELESS if kind not in ("head", "belly", "below the pelvis") and " " not in kind]


@pytest.mark.parametrize("kind", OWN)
def test_each_kind_is_drawn_anew_with_each_seed(kind: str) -> None:
    first, again, other = (painted_spineless(kind, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.voxels, again.voxels)
    assert first.voxels.shape != other.voxels.shape or (first.voxels != other.voxels).any()
    assert first.voxels.dtype == np.int16 and first.voxels.min() >= -1024


@pytest.mark.parametrize("kind", ["head", "right hip"])
def test_parts_of_a_patient_show_bone(kind: str) -> None:
    assert (painted_spineless(kind, np.random.default_rng(3)).voxels > 300).sum() > 1000


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shows one of thighs.*Received: 'tail'"):
        painted_spineless("tail", np.random.default_rng(0))
