"""Oracles for the networks of the coarse-to-fine system: they read the position of a patch off the image itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

PADDING = -1.0


def numbered(grid: Grid) -> Volume:
    """An image in which every voxel is its own index, so that a window shows where it lies."""
    return Volume(np.arange(np.prod(grid.shape), dtype=np.float32).reshape(grid.shape), grid)


def first_of(window: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The first voxel of a window of a numbered image that is not all padding."""
    inside = np.argwhere(window != PADDING)[0]
    return np.array(np.unravel_index(int(window[tuple(inside)]), shape)) - inside


@dataclass
class _Oracle:
    shape: tuple[int, int, int]
    calls: list[tuple[int, ...]] = field(default_factory=list)
    channels = 1
    landmarks = 1

    @property
    def inputs(self) -> list[Any]:
        return [SimpleNamespace(shape=(None, None, None, None, self.channels))]

    @property
    def outputs(self) -> list[Any]:
        return [SimpleNamespace(shape=(None, None, None, None, self.landmarks))]

    layers = ()


@dataclass
class HeatmapOracle(_Oracle):
    """Gaussians at points, in voxels of the image, of the landmarks with these numbers."""

    points: Mapping[int, np.ndarray] = field(default_factory=dict)
    landmarks: int = 26  # type: ignore[misc]
    sigma: float = 1.5

    def predict_on_batch(self, inputs: np.ndarray) -> np.ndarray:
        window = inputs[0, ..., 0]
        self.calls.append(window.shape)
        places = np.indices(window.shape) + first_of(window, self.shape)[:, None, None, None]
        heatmap = np.zeros((1, *window.shape, self.landmarks), np.float32)
        for landmark, point in self.points.items():
            squared = sum((axis - at) ** 2 for axis, at in zip(places, point, strict=True))
            heatmap[0, ..., landmark] = np.exp(-squared / (2 * self.sigma**2))
        return heatmap


@dataclass
class MaskOracle(_Oracle):
    """The vertebra of a label map nearest to the prompt; ``certainty``: the probability of its voxels."""

    labels: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1), np.uint8))
    channels: int = 2  # type: ignore[misc]
    certainty: float = 0.9

    def predict_on_batch(self, inputs: np.ndarray) -> np.ndarray:
        self.calls.append(inputs.shape)
        return np.stack([self._one(window, prompt) for window, prompt in np.moveaxis(inputs, -1, 1)])[..., None]

    def _one(self, window: np.ndarray, prompt: np.ndarray) -> np.ndarray:
        answer = np.full(window.shape, 0.1, np.float32)
        if (window == PADDING).all():
            return answer
        first = first_of(window, self.shape)
        at = np.array(np.unravel_index(int(prompt.argmax()), prompt.shape)) + first
        numbers = [int(number) for number in np.unique(self.labels) if number]
        away = [np.linalg.norm(np.argwhere(self.labels == number).mean(axis=0) - at) for number in numbers]
        own = np.argwhere(self.labels == numbers[int(np.argmin(away))]) - first
        own = own[((own >= 0) & (own < window.shape)).all(axis=1)]
        answer[tuple(own.T)] = self.certainty
        return answer
