"""Fitted positions of the pedicles of a body, and the assignment of pedicles to bodies by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from utility_functions.anatomy.naming.evidence import DOUBLE_MM
from utility_functions.anatomy.naming.ordering import along_the_spine
from utility_functions.json_records import from_json, json_text, parsed_json

PATH = Path(__file__).with_name("vid_pedicles.json")
FARTHEST_MM, LONE_MM = 40.0, 30.0
"""No body counts as farther from the next than that; a lone one counts as so far from it."""
NEIGHBOUR_MM = 60.0
"""The spine's direction at a body follows from the next ones above and below within this distance."""
CUTS_MM = (20.0, 24.0, 28.0, 32.0)
"""Distances to the next body between which pedicles scatter alike."""
REJECTED = 40.0
"""Squared Mahalanobis distance, plus the logarithm of the determinant, from which a pedicle belongs to no body."""
OUTLIER_MM, ROUNDS = 6.0, 4
SIDES = (-1.0, 1.0)
"""The left and the right one: which way they lie from the body."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PediclePlaces:
    """weights: (features, 3), the way from a body to its right pedicle in RAS+ mm by what is known of it (`known`).
    covariances: of what is left, by the distance to the next body (one more than CUTS_MM).
    Left and right pedicles mirror each other.
    """

    weights: tuple[tuple[float, ...], ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]

    def own(self, bodies: ArrayLike, probabilities: ArrayLike, left: ArrayLike, right: ArrayLike) -> Array:
        """The left and the right pedicle of each body (2, N, 3), in RAS+ mm; NaN where there is none.

        probabilities: (N, 3) of cervical, thoracic and lumbar.  left, right: (any number, 3).
        Each belongs to one body at most, all together at the least sum of distances; one too far off is not assigned.
        """
        points = np.asarray(bodies, float).reshape(-1, 3)
        found = np.full((2, *points.shape), np.nan)
        features = known(points, probabilities)
        covariances = np.array(self.covariances)[np.digitize(nearest_mm(points), CUTS_MM)]  # (N, 3, 3)
        for side, (given, sign) in enumerate(zip((left, right), SIDES, strict=True)):
            pedicles = np.asarray(given, float).reshape(-1, 3)
            away = pedicles - points[:, None]  # (N, pedicles, 3)
            away[..., 0] *= sign
            away -= (mirrored(features, sign) @ np.array(self.weights))[:, None]
            apart = np.einsum("npi,nij,npj->np", away, np.linalg.inv(covariances), away)
            apart += np.linalg.slogdet(covariances)[1][:, None]
            rows, columns = linear_sum_assignment(np.minimum(apart, REJECTED))
            near = apart[rows, columns] < REJECTED
            found[side, rows[near]] = pedicles[columns[near]]
        return found

    @classmethod
    def fit(cls, examples: Iterable[tuple[ArrayLike, ArrayLike, ArrayLike]]) -> PediclePlaces:
        """From bodies (N, 3) in RAS+ mm, their probabilities (N, 3) and their pedicles (2, N, 3; NaN where not known).

        Least squares by weights, so that outliers count little. Raises: ValueError where there are too few.
        """
        features, ways, nearest = [], [], []
        for bodies, probabilities, own in examples:
            points = np.asarray(bodies, float).reshape(-1, 3)
            its, far = known(points, probabilities), nearest_mm(points)
            for pedicles, sign in zip(np.asarray(own, float), SIDES, strict=True):
                there = np.isfinite(pedicles).all(axis=1)
                features.append(mirrored(its, sign)[there])
                ways.append((pedicles - points)[there] * (sign, 1.0, 1.0))
                nearest.append(far[there])
        x, y = (np.concatenate(each) if each else np.zeros((0, 3)) for each in (features, ways))
        if len(x) < 10 * x.shape[1]:
            raise ValueError(f"Places of pedicles are fitted on at least {10 * x.shape[1]}. Received: {len(x)}.")
        heeded = np.ones(len(x))
        for _ in range(ROUNDS):
            turned = x.T * heeded
            weights = np.linalg.solve(turned @ x + 1e-3 * np.eye(x.shape[1]), turned @ y)
            left = y - x @ weights
            heeded = 1 / (1 + np.sum(left**2, axis=1) / OUTLIER_MM**2)
        bins = np.digitize(np.concatenate(nearest), CUTS_MM)
        inside = np.sum(left**2, axis=1) < (2.5 * OUTLIER_MM) ** 2
        covariances = []
        for each in range(len(CUTS_MM) + 1):
            some = left[inside & (bins == each)]
            own_scatter, usual = some.T @ some, left[inside].T @ left[inside] / inside.sum()
            covariances.append((own_scatter + 10 * usual) / (len(some) + 10) + np.eye(3))
        return cls(_rows(weights), tuple(_rows(each) for each in covariances))

    def to_json(self) -> str:
        return json_text(self)

    @classmethod
    def from_json(cls, text: str) -> PediclePlaces:
        """Those that `to_json` wrote. Raises: ValueError where the text is none of them."""
        try:
            values = parsed_json(text)
            places = from_json(cls, {name: values[name] for name in ("weights", "covariances")})
            count = known(np.zeros((1, 3)), np.ones((1, 3))).shape[1]
            shapes = np.shape(places.weights), np.shape(places.covariances)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"This text holds no places of pedicles. Received: {text[:80]!r}.") from error
        if shapes != ((count, 3), (len(CUTS_MM) + 1, 3, 3)):
            raise ValueError(f"Places of pedicles have shapes of their own. Received: {shapes}.")
        return places


@lru_cache(maxsize=8)
def read_places(text: str | None) -> PediclePlaces:
    """Those of a text (`to_json`), as settings hold them; those learnt from all of VID where there is none."""
    return PediclePlaces.from_json(PATH.read_text(encoding="utf-8") if text is None else text)


def known(points: Array, probabilities: ArrayLike) -> Array:
    """Features (N, 17) that predict the offset from bodies (N, 3) to their pedicles: the distance to the next body, the
    regions (N, 3) and the spine's direction. Mirroring the spine turns the sign of those at `SIDEWAYS`."""
    far = nearest_mm(points)[:, None] / LONE_MM
    regions = np.clip(np.asarray(probabilities, float).reshape(-1, 3), 0.004, 0.996)
    straight, down = np.ones_like(far), directions(points)
    base = np.concatenate([straight, far, far**2, regions], axis=1)
    forwards = base[:, [0, 1, 3, 4, 5]] * down[:, 1:2]
    sideways = base[:, :2] * down[:, :1]
    logits = np.log(regions / (1 - regions)) / 4
    return np.concatenate([base, forwards, sideways, down[:, 2:], logits], axis=1)


SIDEWAYS = slice(11, 13)


def mirrored(features: Array, sign: float) -> Array:
    """Features as seen from the right (1.0: as they are), or from the left (-1.0)."""
    turned = features.copy()
    turned[:, SIDEWAYS] *= sign
    return turned


def nearest_mm(points: Array) -> Array:
    """Distance to the next body (N,), doubles left out."""
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    nearest = np.where(between > DOUBLE_MM, between, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(nearest), np.minimum(nearest, FARTHEST_MM), LONE_MM)


def directions(points: Array) -> Array:
    """The spine's direction downwards at each body (N, 3), from the next one above to the next below."""
    order = along_the_spine(points)
    sorted_ones = points[order]
    between = np.linalg.norm(sorted_ones[:, None] - sorted_ones[None], axis=-1)
    near = (between > DOUBLE_MM) & (between < NEIGHBOUR_MM)
    found = np.empty_like(points)
    for i, place in enumerate(order):
        above, below = np.flatnonzero(near[i, :i]), np.flatnonzero(near[i, i + 1 :])
        upper = sorted_ones[above[-1]] if len(above) else sorted_ones[i]
        lower = sorted_ones[i + 1 + below[0]] if len(below) else sorted_ones[i]
        way = lower - upper
        length = float(np.linalg.norm(way))
        found[place] = way / length if length > 0 else (0.0, 0.0, -1.0)
    return found


def _rows(values: ArrayLike) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in np.asarray(values, float))
