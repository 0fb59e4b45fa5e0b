"""One patch prediction of the iterative segmenter, on a patch and on its mirror image."""

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
    """Returns the image, fading to the right, as the mask; the mean at the left border is the completeness."""

    slope: float

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        fading = 1 - self.slope * np.arange(PATCH[0])[:, None, None, None] / PATCH[0]
        complete = batch[:, 0].mean(axis=(1, 2, 3))[:, None]
        return {"mask": batch[..., :1] * fading, "complete": complete, "level": np.full((len(batch), 1), 7.0)}


def test_the_mirrored_prediction_is_turned_back_before_the_mean() -> None:
    own = settings_of(load_task("instances"), "small")
    mirrored = own.changed(spec=replace(own.spec, patch=PATCH))
    voxels = np.random.default_rng(5).random(PATCH, np.float32)
    image = Volume(voxels, Grid.from_spacing(PATCH, SPACING_MM, (0.0, 0.0, 0.0)))
    memory = np.zeros(PATCH, np.uint8)
    prediction = patch_predictor(Lopsided(0.0), mirrored, image, PADDING)((0, 0, 0), memory, None)
    np.testing.assert_allclose(prediction.mask, voxels, atol=1e-3)
    ends = voxels[0].mean() / 2, voxels[-1].mean() / 2
    assert prediction.complete == pytest.approx(np.mean(ends), abs=1e-6) and prediction.level == 7.0
    lopsided = patch_predictor(Lopsided(1.0), mirrored, image, PADDING)((0, 0, 0), memory, None)
    np.testing.assert_allclose(lopsided.mask, voxels * (1 + 1 / PATCH[0]) / 2, atol=1e-3)


@pytest.mark.parametrize(("preset", "expected"), [("paper", False), ("topdown", False), ("small", True)])
def test_published_presets_do_not_use_mirrored_inference(preset: str, expected: bool) -> None:
    own = settings_of(load_task("instances"), preset)
    assert own.options.mirrored_inference is expected
    assert own.with_options(augment="none").options.mirrored_inference is expected, "independent of augmentation"
