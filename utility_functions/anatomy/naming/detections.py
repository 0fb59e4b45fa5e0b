"""Detections to be named: their positions, and the evidence for each level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.evidence import pedicle_features
from utility_functions.anatomy.naming.statistics import Statistics


@dataclass(frozen=True, eq=False)
class Detections:
    """N detections in any order.

    points_mm: (N, 3) in RAS+ mm.
    evidence: (N, levels of anatomy.labels.LEVELS) log-likelihoods of the observation, each row up to a constant: votes,
        heatmap maxima, region probabilities (`from_regions`), or a network's log-probabilities less those of its prior.
    false_evidence: (N,) the same for a detection that is no vertebra of its own; when not given, the mean likelihood of
        all levels, which is neutral.
    false_prior: (N,) prior probability of being false; that of the statistics when not given.
    visibility: (N,) fraction of the vertebra in the field of view; evidence of a truncated one counts less. Ones when
        not given.
    """

    points_mm: NDArray[np.float64]
    evidence: NDArray[np.float64]
    false_evidence: NDArray[np.float64] = None  # type: ignore[assignment]
    false_prior: NDArray[np.float64] | None = None
    visibility: NDArray[np.float64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        points = np.asarray(self.points_mm, float).reshape(-1, 3)
        evidence = np.asarray(self.evidence, float).reshape(-1, len(LEVELS))
        if self.false_evidence is None:
            top = evidence.max(axis=1, initial=-np.inf)
            false = top + np.log(np.mean(np.exp(evidence - top[:, None]), axis=1))
        else:
            false = np.asarray(self.false_evidence, float).reshape(-1)
        visible = np.ones(len(points)) if self.visibility is None else np.asarray(self.visibility, float).reshape(-1)
        prior = None if self.false_prior is None else np.asarray(self.false_prior, float).reshape(-1)
        lengths = [len(each) for each in (points, evidence, false, visible, prior if prior is not None else points)]
        if len(set(lengths)) > 1:
            raise ValueError(f"Detections need one row of everything each. Received: rows {lengths}.")
        if not (np.isfinite(points).all() and np.isfinite(false).all() and not np.isnan(evidence).any()):
            raise ValueError(f"Detections need finite places and evidence. Received: places {points.tolist()}.")
        if np.isposinf(evidence).any():
            raise ValueError("Evidence is a log-likelihood, below infinity. Received: an infinite one.")
        for what, values in (("Visibility", visible), ("The prior of being false", prior)):
            if values is not None and not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{what} is a fraction in 0..1. Received: {values.tolist()}.")
        for name, value in (("points_mm", points), ("evidence", evidence), ("false_evidence", false)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "visibility", visible)
        object.__setattr__(self, "false_prior", prior)

    def __len__(self) -> int:
        return len(self.points_mm)

    def at(self, indices: Iterable[int]) -> Detections:
        """Those at the given places, in the given order."""
        order = np.asarray(list(indices), int)
        prior = None if self.false_prior is None else self.false_prior[order]
        return Detections(
            self.points_mm[order], self.evidence[order], self.false_evidence[order], prior, self.visibility[order]
        )

    @classmethod
    def from_regions(
        cls,
        points_mm: ArrayLike,
        probabilities: ArrayLike,
        statistics: Statistics,
        pedicles_mm: tuple[ArrayLike, ArrayLike] | None = None,
        visibility: ArrayLike | None = None,
    ) -> Detections:
        """Bodies (N, 3) with their probabilities of cervical, thoracic and lumbar (N, 3), by fitted statistics.

        pedicles_mm: left and right ones, (any number, 3) each; they count where the statistics include them.
        Raises: ValueError where the statistics were not fitted on region probabilities.
        """
        if statistics.regions is None:
            raise ValueError("Region probabilities need statistics fitted on such. Received: ones without regions.")
        points = np.asarray(points_mm, float).reshape(-1, 3)
        log_likelihoods = statistics.regions.log_likelihood(probabilities)
        if pedicles_mm is not None and statistics.pedicles is not None:
            log_likelihoods = log_likelihoods + statistics.pedicles.log_likelihood(
                pedicle_features(points, *pedicles_mm)
            )
        seen = None if visibility is None else np.asarray(visibility, float)
        return cls(points, log_likelihoods[:, :-1], log_likelihoods[:, -1], None, seen)  # type: ignore[arg-type]
