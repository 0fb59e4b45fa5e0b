"""The traversal that segments one vertebra after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learning_functions.task import Running, Settings
from utility_functions.anatomy.findings import Findings
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

if TYPE_CHECKING:
    import keras


def walk(
    network: keras.Model, settings: Settings, image: Volume, findings: Findings, air: float, running: Running
) -> Findings:
    """The findings with ``instances`` and ``landmarks``; none is found yet."""
    empty = LabelMap(np.zeros(image.grid.shape, np.uint8), image.grid)
    return findings.having(instances=empty, landmarks=Landmarks.empty())
