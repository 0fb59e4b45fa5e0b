"""Likelihood of a detector's output for a body at each level: region probabilities and the pedicles' places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from utility_functions.anatomy.labels import LEVELS, REGIONS, region_of

FALSE = "false"
"""The row of a detection that is no vertebra of its own."""
ROWS = (*LEVELS, FALSE)
TOP_EDGES = (0.3, 0.6, 0.85, 0.96)
SECOND_EDGES = (0.05, 0.08, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
CELLS = 3 * (len(TOP_EDGES) + 1) * 2 * (len(SECOND_EDGES) + 1)
REACH_MM = 22.0
"""A pedicle is a body's own within this distance of where it usually lies."""
DOUBLE_MM = 10.0
"""Bodies closer than this are one body detected twice."""
OFFSETS_MM = (
    (17.0, 14.5, -8.0, 5.0),
    (21.0, 12.0, -11.5, 8.5),
    (24.0, 11.5, -21.0, 5.0),
    (28.0, 13.5, -24.5, 1.5),
    (33.0, 15.0, -25.0, 0.0),
    (36.5, 18.5, -24.5, 4.0),
)
"""Usual place of the right pedicle from its body in RAS (the left one mirrored), by the distance to the next body."""


def region_cells(probabilities: ArrayLike) -> NDArray[np.int_]:
    """The cell of each detection (N,) from its probabilities of C, T, L (N, 3), which need not sum to one.

    A cell is the likeliest region and the second likeliest one, each with the range of its probability.
    """
    given = np.asarray(probabilities, float).reshape(-1, 3)
    order = np.argsort(-given, axis=1, kind="stable")
    top, second = (np.take_along_axis(given, order[:, i : i + 1], 1)[:, 0] for i in (0, 1))
    later = (order[:, 1] > np.where(order[:, 0] == 0, 1, np.where(order[:, 0] == 1, 0, 0))).astype(int)
    cell = order[:, 0] * (len(TOP_EDGES) + 1) + np.digitize(top, TOP_EDGES)
    return (cell * 2 + later) * (len(SECOND_EDGES) + 1) + np.digitize(second, SECOND_EDGES)


@dataclass(frozen=True)
class Regions:
    """Log-likelihood of each cell of region probabilities per row of ROWS: a calibrated multinomial."""

    table: tuple[tuple[float, ...], ...]

    def log_likelihood(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """(N, levels + 1), the last column for false detections, from probabilities of C, T, L (N, 3)."""
        return np.asarray(self.table).T[region_cells(probabilities)]

    @classmethod
    def fit(cls, rows: NDArray[np.int_], probabilities: ArrayLike, strength: float = 8.0) -> Regions:
        """From the true row (N,) of each detection (N, 3); each level shrinks to its region, by ``strength`` counts."""
        counts = np.zeros((len(ROWS), CELLS))
        np.add.at(counts, (rows, region_cells(probabilities)), 1.0)
        everything = counts.sum(axis=0) + 0.5
        everything /= everything.sum()
        regions = [region_of(name) or name for name in ROWS]
        table = np.empty_like(counts)
        for row, region in enumerate(regions):
            pooled = counts[[other for other, its in enumerate(regions) if its == region]].sum(axis=0)
            pooled = (pooled + 2.0 * everything) / (pooled.sum() + 2.0)
            table[row] = (counts[row] + strength * pooled) / (counts[row].sum() + strength)
        return cls(tuple(tuple(float(value) for value in row) for row in np.log(table)))


def own_pedicles(bodies: ArrayLike, left: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """The left and the right pedicle of each body (2, N, 3), all in RAS+ mm; NaN where there is none.

    Each pedicle belongs to one body at most: the least sum of distances to the usual places. These differ most between
    neck, upper chest and loin, which the distances of bodies distinguish well enough.
    """
    bodies = np.asarray(bodies, float).reshape(-1, 3)
    found = np.full((2, len(bodies), 3), np.nan)
    if not len(bodies):
        return found
    apart, *offsets = np.array(OFFSETS_MM).T
    between = np.linalg.norm(bodies[:, None] - bodies[None], axis=-1) + np.diag(np.full(len(bodies), np.inf))
    nearest = np.where(between > DOUBLE_MM, between, np.inf).min(axis=1)
    usual_mm = np.stack([np.interp(np.minimum(nearest, apart[-1]), apart, values) for values in offsets], axis=1)
    for side, (points, sign) in enumerate(((left, -1.0), (right, 1.0))):
        points = np.asarray(points, float).reshape(-1, 3)
        usual = bodies + usual_mm * (sign, 1.0, 1.0)
        apart = np.linalg.norm(usual[:, None] - points[None], axis=-1)
        rows, columns = linear_sum_assignment(np.minimum(apart, REACH_MM))
        near = apart[rows, columns] < REACH_MM
        found[side, rows[near]] = points[columns[near]]
    return found


def pedicle_features(bodies: ArrayLike, left: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """(N, 3) per body, all in RAS+ mm: log of the distance between its pedicles, log of that from the body to their
    middle, and the angle (radians) by which the middle lies above the body; NaN where either pedicle is missing.
    """
    found = own_pedicles(bodies, left, right)
    between = np.linalg.norm(found[1] - found[0], axis=1)
    middle = found.mean(axis=0) - np.asarray(bodies, float).reshape(-1, 3)
    with np.errstate(invalid="ignore"):
        return np.stack(
            [
                np.log(np.maximum(between, 1.0)),
                np.log(np.maximum(np.linalg.norm(middle, axis=1), 1.0)),
                np.arctan2(middle[:, 2], np.hypot(middle[:, 0], middle[:, 1])),
            ],
            axis=1,
        )


def _complete(features: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.all(np.isfinite(features), axis=1)).reshape(-1)


@dataclass(frozen=True)
class Pedicles:
    """Per row of ROWS how often both pedicles are found, and mean and covariance of their features.

    weight: of the features; below one, since those of one patient are correlated.
    """

    found: tuple[float, ...]
    means: tuple[tuple[float, ...], ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]
    weight: float = 0.5

    def log_likelihood(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, levels + 1) of the features (N, 3) that `pedicle_features` gives, the last column for false ones."""
        features = np.asarray(features, float).reshape(-1, 3)
        there = _complete(features)
        rate = np.asarray(self.found)
        result = np.where(there[:, None], np.log(rate), np.log1p(-rate))
        covariance = np.asarray(self.covariances)
        away = features[there][:, None] - np.asarray(self.means)  # (N, rows, 3)
        squared = np.einsum("nri,rij,nrj->nr", away, np.linalg.inv(covariance), away)
        density = -0.5 * (squared + np.linalg.slogdet(covariance)[1] + 3 * np.log(2 * np.pi))
        result[there] += self.weight * np.logaddexp(np.log(0.98) + density, np.log(0.02))
        return result

    @classmethod
    def fit(cls, rows: NDArray[np.int_], features: NDArray[np.float64], weight: float = 0.5) -> Pedicles:
        """From the true row (N,) of each detection and its features (N, 3); rare levels shrink to the mean of all."""
        there = _complete(features)
        if there.sum() < 4:
            raise ValueError(f"Pedicles are fitted on at least 4 bodies that have both. Received: {int(there.sum())}.")
        centre, spread = features[there].mean(axis=0), np.cov(features[there].T) + 1e-4 * np.eye(3)
        regions = [next((r for r, names in REGIONS.items() if name in names), name) for name in ROWS]
        found, means, covariances = [], [], []
        for row in range(len(ROWS)):
            own = features[there & (rows == row)]
            kin = features[there & np.isin(rows, [i for i, region in enumerate(regions) if region == regions[row]])]
            base = (2 * centre + kin.sum(axis=0)) / (2 + len(kin))
            mean = (3 * base + own.sum(axis=0)) / (3 + len(own))
            away = own - mean
            found.append((float((there & (rows == row)).sum()) + 2 * there.mean()) / ((rows == row).sum() + 2))
            means.append(tuple(float(value) for value in mean))
            covariance = (5 * spread + away.T @ away) / (5 + len(own))
            covariances.append(tuple(tuple(float(value) for value in line) for line in covariance))
        limited = tuple(float(np.clip(rate, 0.01, 0.99)) for rate in found)
        return cls(limited, tuple(means), tuple(covariances), weight)
