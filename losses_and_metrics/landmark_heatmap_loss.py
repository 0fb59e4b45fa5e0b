"""The loss and training metrics of landmark heatmaps, in keras.ops; targets are computed from points, never stored.

True values are (batch, landmarks, 4): a point in voxels of the patch, and its state (PRESENT, ABSENT or UNKNOWN);
predicted values are heatmaps (batch, x, y, z, landmarks).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import Ratio
from losses_and_metrics.divergences import SquaredDifference
from losses_and_metrics.gaussian_profiles import profiles
from losses_and_metrics.replicas import BatchMean

PRESENT, ABSENT, UNKNOWN = 1.0, 0.0, -1.0
"""The landmark is in the patch; it is not, and its heatmap is to be empty; or it is unknown, and ignored."""
SIGMAS = "landmark_sigmas"
"""The name of the layer with the learnt widths (keras_models/spatial_configuration_net.py)."""
SMALLEST_SIGMA = 0.5
"""The least learnt width, in voxels."""


def gaussians(points: Any, sigmas: Any, shape: Sequence[Any]) -> Any:
    """exp(-d^2 / 2 sigma^2) at every voxel: (batch, *shape, landmarks).

    points (batch, landmarks, 3) and sigmas (landmarks,) in voxels.
    """
    x, y, z = (ops.transpose(line, (0, 2, 1)) for line in profiles(points, shape, sigmas))  # (batch, size, landmarks)
    plane = x[:, :, None] * y[:, None]  # (batch, x, y, landmarks)
    return plane[:, :, :, None] * z[:, None, None]


@keras.saving.register_keras_serializable("spine")
class HeatmapLoss(BatchMean):
    """1/2 sum (h - g)^2 + penalty 1/2 sum sigma_i^2 over the known landmarks, the mean over the batch.

    g = height exp(-d^2 / 2 sigma_i^2) (Payer et al. 2020). Unknown landmarks are ignored. Absent ones have a target of
    zero and no penalty.
    sigma: in voxels; after ``bind`` to a network with a layer ``SIGMAS``, the weight ``alpha`` of that layer.
    scale: 0 for Gaussians of height 1; else their height is scale / (sigma sqrt(2 pi))^3, as with learnt sigmas:
        narrow targets are then high, so that narrowing alone does not lower the loss (1000: height 1 at sigma 4).
    form: "sums" as published; "mean" is the sum of (h - g)^2 over the sum of g^2, without a penalty. Its size does not
        depend on patch, sigma or the number of landmarks: it is 1 for an empty heatmap.
    """

    divergence = SquaredDifference

    def __init__(
        self,
        sigma: float = 4.0,
        penalty: float = 100.0,
        scale: float = 0.0,
        form: str = "sums",
        name: str = "heatmap_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not (0 < sigma < math.inf and 0 <= penalty < math.inf and 0 <= scale < math.inf):
            raise ValueError(
                "A heatmap has a sigma above 0, and a penalty and a scale not below. "
                f"Received: {sigma}, {penalty} and {scale}."
            )
        if form not in ("sums", "mean"):
            raise ValueError(f'The form of the loss is "sums" or "mean". Received: {form!r}.')
        self.sigma, self.penalty, self.scale, self.form = float(sigma), float(penalty), float(scale), form
        self._learnt: Any = None

    def bind(self, network: Any) -> None:
        """Take the sigmas from the network's layer of learnt widths, if it has one."""
        self._learnt = next((layer.alpha for layer in _layers(network) if layer.name == SIGMAS), None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        heatmaps = ops.cast(y_pred, "float32")
        points, known = y_true[..., :3], y_true[..., 3]  # (batch, landmarks, 3) and (batch, landmarks)
        sigmas = self._sigmas(heatmaps.shape[-1])
        height = self._height(sigmas)
        here, judged = (ops.cast(mask, "float32") for mask in (known == PRESENT, known != UNKNOWN))
        target = gaussians(points, sigmas, ops.shape(heatmaps)[1:4]) * (height * here)[:, None, None, None]
        squared = ops.sum(ops.square(heatmaps - target), axis=(1, 2, 3)) * judged  # (batch, landmarks)
        if self.form == "mean":
            energies = self._energies(heatmaps.shape[-1])
            whole = ops.maximum(ops.sum(here * energies, axis=1), ops.mean(energies))
            return ops.sum(squared, axis=1) / whole
        widths = ops.sum(here * ops.square(sigmas), axis=1)
        return 0.5 * ops.sum(squared, axis=1) + 0.5 * self.penalty * widths

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """(batch, 1, 1, 1, landmarks): weights with which the mean of squares is their sum, or the form "mean"."""
        voxels = math.prod(y_pred.shape[1:])
        judged, here = (ops.cast(mask, "float32") for mask in (y_true[..., 3] != UNKNOWN, y_true[..., 3] == PRESENT))
        counted = 0.5 * voxels * judged
        if self.form == "mean":
            energies = self._energies(y_pred.shape[-1])
            counted = 2 * counted / ops.maximum(ops.sum(here * energies, axis=1, keepdims=True), ops.mean(energies))
        return counted[:, None, None, None]

    def _height(self, sigmas: Any) -> Any:
        return self.scale / (sigmas * math.sqrt(2 * math.pi)) ** 3 if self.scale else ops.ones_like(sigmas)

    def _energies(self, landmarks: int) -> Any:
        """(landmarks,): the sum of the squares of each Gaussian."""
        sigmas = self._sigmas(landmarks)
        return ops.square(self._height(sigmas)) * (math.sqrt(math.pi) * sigmas) ** 3

    def _sigmas(self, landmarks: int) -> Any:
        if self._learnt is None:
            return ops.full((landmarks,), self.sigma, dtype="float32")
        return ops.maximum(ops.cast(ops.convert_to_tensor(self._learnt), "float32"), SMALLEST_SIGMA)

    def get_config(self) -> dict[str, Any]:
        own = {"sigma": self.sigma, "penalty": self.penalty, "scale": self.scale, "form": self.form}
        return {**super().get_config(), **own}


class _OfMaxima(Ratio):
    """A metric of the distance between the maximum of each heatmap and its landmark, in mm, over those present."""

    def __init__(self, spacing_mm: Sequence[float] = (1.0, 1.0, 1.0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spacing_mm = tuple(float(step) for step in spacing_mm)

    def _away_mm(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(batch, landmarks) distances, and 1.0 where the landmark is present."""
        _, x, y, z, landmarks = ops.shape(y_pred)
        place = ops.argmax(ops.reshape(y_pred, (-1, x * y * z, landmarks)), axis=1)
        index = ops.stack([place // (y * z), place // z % y, place % z], axis=-1)
        away = (ops.cast(index, "float32") - y_true[..., :3]) * ops.convert_to_tensor(self.spacing_mm, "float32")
        return ops.sqrt(ops.sum(ops.square(away), axis=-1)), ops.cast(y_true[..., 3] == PRESENT, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spacing_mm": self.spacing_mm}


@keras.saving.register_keras_serializable("spine")
class LandmarkDistance(_OfMaxima):
    """The mean distance between a landmark and the maximum of its heatmap, in mm, over those present."""

    def __init__(self, name: str = "distance_mm", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        away, here = self._away_mm(y_true, y_pred)
        self._add(away * here, here, sample_weight)


@keras.saving.register_keras_serializable("spine")
class LandmarksFound(_OfMaxima):
    """The fraction of present landmarks within ``limit_mm`` of the maximum of their heatmap."""

    def __init__(self, limit_mm: float = 10.0, name: str = "found", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.limit_mm = float(limit_mm)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        away, here = self._away_mm(y_true, y_pred)
        self._add(ops.cast(away <= self.limit_mm, "float32") * here, here, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "limit_mm": self.limit_mm}


def _layers(network: Any) -> Iterator[Any]:
    """All layers of a network, including those of nested networks."""
    for layer in getattr(network, "layers", ()):
        yield layer
        yield from _layers(layer)
