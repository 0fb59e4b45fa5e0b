"""Samples of the panoptic task: parts, numbered vertebrae, their centres, and the offsets made from these."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.task import load_task
from tests.tiny import phantom, scan_of, tiny_settings
from utility_functions.anatomy.parts import ARCH, BODY, PARTS

TASK = load_task("panoptic")
SETTINGS = tiny_settings("panoptic", samples_per_scan=12)


@pytest.fixture(scope="module")
def samples() -> list:
    return TASK.samples(scan_of(phantom(1)), SETTINGS, np.random.default_rng(1))


def test_samples_hold_parts_and_numbered_vertebrae(samples) -> None:
    assert len(samples) == 12
    seen = set()
    for sample in samples:
        parts, numbers = sample.targets[..., 0], sample.targets[..., 1]
        assert sample.inputs.shape == (*SETTINGS.spec.patch, 1) and parts.max() < len(PARTS)
        assert set(np.unique(parts[numbers > 0])) <= {BODY, ARCH}
        seen |= set(np.unique(parts).tolist())
    assert {0, BODY, ARCH} <= seen


def test_centres_lie_in_the_patch_and_near_their_own_bodies(samples) -> None:
    checked = 0
    for sample in samples:
        centres = sample.numbers.reshape(-1, 3)
        for number in np.unique(sample.targets[..., 1][sample.targets[..., 1] > 0]):
            centre = centres[number - 1]
            if not np.isfinite(centre).all():
                continue
            assert (centre >= -0.5).all() and (centre < np.array(SETTINGS.spec.patch) - 0.5).all()
            body = np.argwhere((sample.targets[..., 1] == number) & (sample.targets[..., 0] == BODY))
            if len(body) > 40:
                assert np.linalg.norm(body.mean(axis=0) - centre) < 4.0  # voxels of 4 mm
                checked += 1
    assert checked > 5


def test_offsets_lead_from_voxels_to_the_centre_of_their_own_vertebra() -> None:
    patch = SETTINGS.spec.patch
    y = np.zeros((1, *patch, 2), np.uint8)
    y[0, 4:8, 4:8, 4:8] = (BODY, 1)
    y[0, 10:12, 4:8, 4:8] = (ARCH, 2)  # the centre of the second is outside the patch
    numbers = np.full((1, len(TASK.numbers)), np.nan, np.float32)
    numbers[0, :3] = (6.5, 4.5, 5.5)
    targets, weights = TASK.arrange(y, None, numbers, SETTINGS)
    offsets = np.asarray(targets["offsets"])
    assert weights is None and offsets.shape == (1, *(size // 2 for size in patch), 4)
    np.testing.assert_array_equal(np.asarray(targets["parts"]), y[..., 0])
    step = SETTINGS.spec.spacing_mm[0] / 10
    np.testing.assert_allclose(offsets[0, 2, 3, 2], [(6.5 - 4.5) * step, (4.5 - 6.5) * step, (5.5 - 4.5) * step, 1])
    assert not offsets[0, 5, 2, 2].any() and not offsets[0, 0, 0, 0].any()
    assert np.isfinite(offsets).all()
