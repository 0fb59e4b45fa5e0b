"""Which patients of a data set are held out: a fraction of them, or one fold of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SEED = 1
"""The seed that chooses the patients held out where no other is requested."""


@dataclass(frozen=True)
class HeldOutFraction:
    """About ``fraction`` of the patients, at least one and never all, chosen by ``seed``."""

    fraction: float
    seed: int = SEED

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(f"The fraction of patients held out is between 0 and 1. Received: {self.fraction}.")

    def held_out(self, patients: Iterable[str]) -> frozenset[str]:
        """Those who are held out; whatever the order of the patients, and however often each is named."""
        dealt = _dealt_out(patients, self.seed)
        if len(dealt) < 2:
            raise ValueError(f"Two parts need scans of at least two patients. Received: {len(dealt)} patient.")
        return frozenset(dealt[: min(max(round(self.fraction * len(dealt)), 1), len(dealt) - 1)])

    def __str__(self) -> str:
        return f"a fraction of {self.fraction:g}"


@dataclass(frozen=True)
class Fold:
    """Part number ``number``, from 0 on, of the ``folds`` into which ``seed`` deals patients out."""

    number: int
    folds: int
    seed: int = SEED

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"There are at least two --folds. Received: {self.folds}.")
        if not 0 <= self.number < self.folds:
            raise ValueError(f"A --fold is numbered from 0 to {self.folds - 1}. Received: {self.number}.")

    def held_out(self, patients: Iterable[str]) -> frozenset[str]:
        """Those who are in this fold; folds are alike in size but for one patient, and each patient is in one.

        Whatever the order of the patients, and however often each is named. Raises: ValueError where there are fewer
        patients than folds.
        """
        dealt = _dealt_out(patients, self.seed)
        if len(dealt) < self.folds:
            raise ValueError(
                f"{self.folds} folds need scans of at least {self.folds} patients. Received: {len(dealt)} patients."
            )
        size, more = divmod(len(dealt), self.folds)
        first = self.number * size + min(self.number, more)
        return frozenset(dealt[first : first + size + (self.number < more)])

    def __str__(self) -> str:
        return f"fold {self.number} of {self.folds}"


def requested_folds(folds: int | None, fold: int | None, seed: int | None) -> list[Fold]:
    """The requested fold, all of them where none is named, and none without ``folds``.

    seed: None for the usual one. Raises: ValueError where a fold or a seed is named without folds.
    """
    if folds is not None:
        numbers = range(max(folds, 1)) if fold is None else [fold]
        return [Fold(number, folds, SEED if seed is None else seed) for number in numbers]
    if fold is not None:
        raise ValueError(f"A --fold is one of --folds, and --folds is not given. Received: --fold {fold}.")
    if seed is not None:
        raise ValueError(f"A --hold-out-seed chooses who is held out, but nobody is held out. Received: {seed}.")
    return []


def requested_hold_out(
    hold_out: float | None, folds: int | None, fold: int | None, seed: int | None
) -> HeldOutFraction | Fold | None:
    """The patients to hold out: a fraction of them, or a fold; None for nobody.

    Raises: ValueError for options that contradict each other.
    """
    if hold_out is None:
        chosen = requested_folds(folds, fold, seed)
        if len(chosen) > 1:
            raise ValueError(f"One --fold of --folds {folds} is held out at a time. Received: no --fold.")
        return chosen[0] if chosen else None
    if folds is not None or fold is not None:
        raise ValueError(f"Patients are split by --hold-out or by --folds, not by both. Received: {hold_out}.")
    return HeldOutFraction(hold_out, SEED if seed is None else seed)


def _dealt_out(patients: Iterable[str], seed: int) -> list[str]:
    """The patients, each once, in an order drawn by the seed alone."""
    if seed < 0:
        raise ValueError(f"A seed is zero or above. Received: {seed}.")
    each = sorted(set(patients))
    return [each[place] for place in np.random.default_rng(seed).permutation(len(each))]
