"""One look of a network of instances, at a patch and at its mirror image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import patch_predictor
from learning_functions.task import load_task, settings_of
from tests.inference.iterative.spine_truth import SPACING_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

PATCH = (20, 20, 16)
PADDING = -1.0


@dataclass
class Lopsided:
    """Shows what it sees, the less of it the farther to the right, and calls complete what is bright on the left."""

    slope: float

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        fading = 1 - self.slope * np.arange(PATCH[0])[:, None, None, None] / PATCH[0]
        complete = batch[:, 0].mean(axis=(1, 2, 3))[:, None]
        return {"mask": batch[..., :1] * fading, "complete": complete, "level": np.full((len(batch), 1), 7.0)}


def test_both_sides_are_looked_at_and_what_is_seen_is_put_back_where_it_lies() -> None:
    own = settings_of(load_task("instances"), "small")
    both = own.changed(spec=replace(own.spec, patch=PATCH))
    voxels = np.random.default_rng(5).random(PATCH, np.float32)
    image = Volume(voxels, Grid.from_spacing(PATCH, SPACING_MM, (0.0, 0.0, 0.0)))
    memory = np.zeros(PATCH, np.uint8)
    seen = patch_predictor(Lopsided(0.0), both, image, PADDING)((0, 0, 0), memory, None)
    np.testing.assert_allclose(seen.mask, voxels, atol=1e-3)
    ends = voxels[0].mean() / 2, voxels[-1].mean() / 2
    assert seen.complete == pytest.approx(np.mean(ends), abs=1e-6) and seen.level == 7.0
    lopsided = patch_predictor(Lopsided(1.0), both, image, PADDING)((0, 0, 0), memory, None)
    np.testing.assert_allclose(lopsided.mask, voxels * (1 + 1 / PATCH[0]) / 2, atol=1e-3)


@pytest.mark.parametrize(("preset", "expected"), [("paper", False), ("topdown", False), ("small", True)])
def test_the_published_networks_are_not_asked_about_both_sides(preset: str, expected: bool) -> None:
    own = settings_of(load_task("instances"), preset)
    assert own.options.mirrored_inference is expected
    assert own.with_options(augment="none").options.mirrored_inference is expected, "it is a choice of its own"
