"""The threshold of masks in the card; the other rules do not change."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import segmented
from tests.inference.iterative.test_iterative_segmenter import PADDING, Reader, scan_of, settings
from tests.views import view_of


class Faint(Reader):
    """Predicts a probability of 0.45 for every voxel."""

    @staticmethod
    def answer(mask: NDArray, complete: float, level: float) -> dict[str, NDArray[np.float32]]:
        return Reader.answer(0.45 * mask, complete, level)


@pytest.mark.parametrize(("options", "count"), [({}, 0), ({"threshold": 0.5}, 0), ({"threshold": 0.4}, 3)])
def test_the_threshold_of_voxels_is_in_the_card(options: dict[str, float], count: int) -> None:
    image, truth = scan_of(3)
    chosen = settings().with_options(**options)
    found = segmented(Faint(image), chosen, view_of(image, padding=PADDING))
    assert len(found.landmarks or ()) == count
    if count:
        assert found.instances is not None and (found.instances.voxels == truth.voxels).all()
