"""The record of a naming for findings and reports: its probabilities, interpolated levels and false detections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import WARNING_FROM, Naming
from utility_functions.anatomy.naming.routes import below
from utility_functions.anatomy.naming.statistics import VARIANTS

VARIANT_GAPS = (VARIANTS["no T12"], VARIANTS["no L5"])
"""Neighbours only in spines that lack a level; a short form breaks there all the same."""


@dataclass(frozen=True)
class Alternative:
    """Another sequence: the levels in short ("T11-L4") and the log of its weight over that of the best."""

    levels: str
    log_odds: float


@dataclass(frozen=True)
class NamingRecord:
    """Of one scan.

    posterior: probability of each name given to a detection.
    interpolated: levels missed between found ones, at their usual places; they are no detections.
    false_mm: detections that are no vertebra of their own, in RAS+ mm.
    variants: "T13", "no T12", "L6", "no L5".
    margin: log-odds of the names against the likelier of the two shifts by one; None where there is none.
    shifted: probabilities that all are really one level up, and one level down.
    error_probability: probability that any of them has another level.
    warning: one plain sentence where the names may be wrong, else "".
    ranges: for each name whose posterior is below one half, the highest and the lowest level that it may stand for.
    counted_from: the scan of the same patient whose names these are, and told_from: why they pass to this one; "" where
        they are the scan's own. own_levels: what its own would be, in short, where they differ.
    conflict: one plain sentence where another scan of the same patient contradicts the names, else "".
    """

    posterior: Mapping[str, float]
    interpolated: tuple[str, ...] = ()
    false_mm: tuple[tuple[float, float, float], ...] = ()
    variants: tuple[str, ...] = ()
    margin: float | None = None
    shifted: tuple[float, float] = (0.0, 0.0)
    error_probability: float = 0.0
    warning: str = ""
    alternatives: tuple[Alternative, ...] = ()
    ranges: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    counted_from: str = ""
    told_from: str = ""
    own_levels: str = ""
    conflict: str = ""

    def __post_init__(self) -> None:
        if self.margin is not None and not np.isfinite(self.margin):
            object.__setattr__(self, "margin", None)

    @classmethod
    def of(cls, naming: Naming, points_mm: NDArray[np.float64], warn_from: float = WARNING_FROM) -> NamingRecord:
        """The record of a naming of detections (N, 3) in RAS+ mm; ``warn_from``: least error probability to warn of."""
        false = np.asarray(points_mm, float).reshape(-1, 3)[list(naming.false)].tolist()
        return cls(
            posterior={name: float(p) for name, p in zip(naming.found.names, naming.found.scores, strict=True)},
            interpolated=naming.interpolated.names,
            false_mm=tuple((float(x), float(y), float(z)) for x, y, z in false),
            variants=naming.variants,
            margin=float(naming.margin),
            shifted=(float(naming.shifted[0]), float(naming.shifted[1])),
            error_probability=float(naming.error_probability),
            warning=naming.warning(warn_from) or "",
            alternatives=tuple(Alternative(in_short(names), float(odds)) for names, odds in naming.alternatives),
            ranges=naming.ranges,
        )

    @property
    def shifted_by_one(self) -> float:
        """Probability that all names are one level off, either way."""
        return sum(self.shifted)

    def only(self, names: Collection[str]) -> NamingRecord:
        """The record without what it holds of other names."""
        return replace(
            self,
            posterior={name: value for name, value in self.posterior.items() if name in names},
            interpolated=tuple(name for name in self.interpolated if name in names),
            ranges={name: levels for name, levels in self.ranges.items() if name in names},
        )

    @property
    def doubt(self) -> str:
        """What speaks against the names, in sentences: the warning and the conflict; "" for nothing."""
        return f"{self.warning} {self.conflict}".strip()

    def in_words(self, name: str) -> str:
        """The name or, where it is uncertain, the range of levels: "T9 to T11"."""
        upper, lower = self.ranges.get(name, (name, name))
        return name if upper == lower else f"{upper} to {lower}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, in plain words."""
        said = [each for each in (self.warning, self.conflict) if each]
        if self.counted_from:
            said.append(f"Names are counted from those of {self.counted_from}, {self.told_from}.")
        if self.own_levels:
            said.append(f"By itself this scan would have {self.own_levels}.")
        if self.ranges:
            uncertain = ", ".join(f"{name} ({self.in_words(name)})" for name in self.ranges)
            said.append(f"Known as a range of levels only: {uncertain}.")
        if self.variants:
            said.append(f"Variant of the spine: {', '.join(self.variants)}.")
        if self.interpolated:
            said.append(f"Not detected, but interpolated between others: {', '.join(self.interpolated)}.")
        if self.false_mm:
            count = len(self.false_mm)
            what = "1 detection was" if count == 1 else f"{count} detections were"
            said.append(f"{what} taken for no vertebra and left out.")
        return tuple(said)


def in_short(names: Sequence[str]) -> str:
    """Levels in few words: unbroken runs as "T11-L4", "false" counted behind them."""
    named = sorted((name for name in names if name), key=LEVELS.index)
    runs: list[list[str]] = []
    for name in named:
        if runs and name in _FOLLOWING.get(runs[-1][-1], ()):
            runs[-1].append(name)
        else:
            runs.append([name])
    words = [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    words += [f"{len(names) - len(named)} false"] * (len(named) < len(names))
    return ", ".join(words) or "none"


_FOLLOWING = {name: [lower for lower in below(name) if (name, lower) not in VARIANT_GAPS] for name in LEVELS}
