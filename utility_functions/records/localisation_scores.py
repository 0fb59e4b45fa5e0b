"""Scores of localisation against ground truth, per level and per scan.

Whatever is undefined (a distance without a pair, a rate without a true level) is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

CLOSE_MM = 4.0
"""Within this, vertebrae are identified closely (Payer et al. 2020 report the rate at 4 mm beside that at 20 mm)."""


@dataclass(frozen=True)
class LevelScore:
    """One true level.

    nearest: name of the nearest prediction of any level ("" where it bears none); None without predictions.
    nearest_mm: its distance.
    distance_mm: distance to the prediction of the same name; None where there is none.
    found: whether any detection lies within the limit.
    hit_verse, hit_original: whether it counts as identified, by either rule.
    interpolated: whether the prediction of its name was not detected, but interpolated between others.
    """

    name: str
    nearest: str | None
    nearest_mm: float | None
    distance_mm: float | None
    found: bool
    hit_verse: bool
    hit_original: bool
    interpolated: bool = False

    @property
    def hit_verse_4mm(self) -> bool:
        """Whether it is identified by VerSe's rule with a limit of 4 mm: a hit that lies so near."""
        return self.hit_verse and self.distance_mm is not None and self.distance_mm <= CLOSE_MM


@dataclass(frozen=True)
class ScanScore:
    """One scan against its ground truth.

    levels: the true vertebrae (C1 to L6) from the top down.
    predicted: every vertebra predicted, from the top down.
    """

    case_id: str
    levels: tuple[LevelScore, ...]
    predicted: tuple[str, ...]
    limit_mm: float = 20.0

    @property
    def false_predictions(self) -> tuple[str, ...]:
        """Vertebrae predicted that are not in the truth."""
        true = {level.name for level in self.levels}
        return tuple(name for name in self.predicted if name not in true)

    @property
    def missed(self) -> tuple[str, ...]:
        """True vertebrae that no prediction is named after."""
        return tuple(level.name for level in self.levels if level.distance_mm is None)

    @property
    def all_right(self) -> bool | None:
        """Whether every true vertebra is a hit by VerSe's rule; None where there is no true vertebra."""
        return all(level.hit_verse for level in self.levels) if self.levels else None

    @property
    def mean_mm(self) -> float | None:
        """Mean distance of the pairs of one name; None where there is no pair."""
        distances = [level.distance_mm for level in self.levels if level.distance_mm is not None]
        return sum(distances) / len(distances) if distances else None
