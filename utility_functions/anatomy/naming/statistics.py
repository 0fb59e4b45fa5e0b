"""Statistics of spines: distances, bends, starts, ends, variants and errors of detection."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from utility_functions.anatomy.labels import LEVELS, USUAL_VERTEBRAE
from utility_functions.anatomy.naming.evidence import Pedicles, Regions
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.json_records import from_json, json_text, parsed_json

VARIANTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"T13": ("T12", "T13"), "no T12": ("T11", "L1"), "L6": ("L5", "L6"), "no L5": ("L4", "S1")}
)
"""The step by which each variant leaves the usual spine."""
USUAL_STEPS = (*pairwise((*USUAL_VERTEBRAE, "S1", "S2")),)
STEPS = (*USUAL_STEPS, ("T12", "T13"), ("T13", "L1"), ("T11", "L1"), ("L5", "L6"), ("L6", "S1"), ("L4", "S1"))
"""All pairs of levels that can be neighbours."""

_BENDS = dict(
    zip(
        LEVELS,
        [(11.0, 10.0)] * 2  # C1, C2: as C2, whose own centre lies before the dens
        + [(-4.0, 8.0), (-3.0, 8.0), (-1.0, 9.0), (-5.0, 11.0), (-6.0, 10.0)]
        + [(0.0, 8.0), (2.0, 8.0), (4.5, 5.0), (5.0, 4.0), (5.5, 4.0), (6.5, 4.5), (5.5, 4.5)]
        + [(2.5, 4.5), (1.5, 5.0), (0.5, 5.0), (0.5, 4.5), (0.5, 4.5), (0.5, 5.0)]  # T8 to T13
        + [(1.0, 4.5), (-2.5, 4.5), (-7.5, 5.0), (-13.0, 6.0), (-21.5, 7.5), (-21.5, 9.0), (-15.0, 12.0), (0.0, 20.0)],
        strict=True,
    )
)
_LEANS = dict(
    zip(
        LEVELS,
        (
            *(-18.0, -8.0, -13.0, -16.0, -18.0, -22.0, -28.0),
            *(-28.0, -26.0, -21.0, -17.0, -11.0, -2.0, 6.0, 11.0, 13.0, 14.0, 14.0, 15.0, 15.0),
            *(16.0, 13.0, 6.0, -7.0, -23.0, -23.0, -35.0, -35.0),
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Statistics:
    """Parameters that weigh a sequence of levels; fitted (`statistics_fit.fit`) or, by default, of the literature.

    steps_mm: per pair of neighbours mean and standard deviation of the distance of their bodies, normalised by the
        patient's size.
    size_sd: standard deviation of the logarithm of a patient's size (1: every distance is the mean one).
    bends: per level, in degrees, mean and SD of the change of direction in the sagittal plane from the step above to
        the step below (positive turns to the front going down), and the SD of that in the coronal plane.
    leans: the same of the direction itself of the step below a level (0: straight down, positive: to the front).
    starts: probability that the first level in the field of view is this one.
    ends: probability that the chain ends after a level, given that it came so far and no variant follows.
    missed: probability that a level between found ones has no detection.
    variants: probability of each variant, given the level before it.
    false_rate: fraction of detections that are no vertebra of their own (false positives and doubles).
    volume_mm3: of the region over which false detections scatter.
    outliers: fraction of distances and bends that are outliers.
    inverse_temperature: exponent of every sequence's weight. Evidence of neighbours is not independent, so an exponent
        below one calibrates posteriors; the best sequence stays the same.
    regions, pedicles: likelihoods per level of a detector's output, where they were fitted.
    """

    steps_mm: Mapping[tuple[str, str], tuple[float, float]] = field(
        default_factory=lambda: {
            step: (STEP_MM.get(step, 34.0), (0.06 if step in USUAL_STEPS else 0.09) * STEP_MM.get(step, 34.0))
            for step in STEPS
        }
    )
    size_sd: float = 0.065
    bends: Mapping[str, tuple[float, float, float]] = field(
        default_factory=lambda: {level: (mean, sd, 6.0) for level, (mean, sd) in _BENDS.items()}
    )
    leans: Mapping[str, tuple[float, float, float]] = field(
        default_factory=lambda: {level: (mean, 12.0, 10.0) for level, mean in _LEANS.items()}
    )
    starts: Mapping[str, float] = field(
        default_factory=lambda: {level: (0.5 if level in ("T13", "L6", "S2") else 25.0) / 651.5 for level in LEVELS}
    )
    ends: Mapping[str, float] = field(
        default_factory=lambda: {
            level: {"L5": 0.5, "L6": 0.5, "S1": 0.9, "S2": 1.0}.get(level, 0.08) for level in LEVELS
        }
    )
    missed: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(LEVELS, 0.02))
    variants: Mapping[str, float] = field(
        default_factory=lambda: {"T13": 0.01, "no T12": 0.01, "L6": 0.03, "no L5": 0.02}
    )
    false_rate: float = 0.03
    volume_mm3: float = 2e6
    outliers: float = 0.02
    inverse_temperature: float = 1.0
    regions: Regions | None = None
    pedicles: Pedicles | None = None

    def __post_init__(self) -> None:
        for name, keys in (("steps_mm", STEPS), ("variants", VARIANTS), *((n, LEVELS) for n in _PER_LEVEL)):
            table = getattr(self, name)
            if set(table) != set(keys):
                odd = sorted(str(key) for key in set(table) ^ set(keys))
                raise ValueError(f"Statistics need {name} for every one of its keys and no more. Received: odd {odd}.")
        for name in ("starts", "ends", "missed", "variants"):
            for key, value in getattr(self, name).items():
                if not 0 <= value <= 1:
                    raise ValueError(f"Each of {name} is a probability in 0..1. Received: {value} for {key}.")
        for name in ("steps_mm", "bends", "leans"):
            for key, (mean, *sds) in getattr(self, name).items():
                if not (math.isfinite(mean) and all(sd > 0 for sd in sds)):
                    raise ValueError(
                        f"Each of {name} has a standard deviation above 0. Received: {mean, *sds} for {key}."
                    )
        if not 0 < self.inverse_temperature <= 1:
            raise ValueError(f"The inverse temperature is above 0, up to 1. Received: {self.inverse_temperature}.")
        if not (0 < self.false_rate < 1 and 0 <= self.outliers < 1 and self.volume_mm3 > 0 and self.size_sd >= 0):
            raise ValueError(
                "False rate and outliers are fractions, volume is above 0, and the spread of sizes not below. "
                f"Received: {self.false_rate}, {self.outliers}, {self.volume_mm3}, {self.size_sd}."
            )

    def with_inflated_variances(self, steps: float, turns: float) -> Statistics:
        """These statistics with the deviations of distances and of directions multiplied by these factors: residuals of
        one patient are correlated, and taken as independent they would outweigh all other evidence."""
        return replace(
            self,
            steps_mm={step: (mean, sd * steps) for step, (mean, sd) in self.steps_mm.items()},
            bends={level: (mean, sd * turns, across * turns) for level, (mean, sd, across) in self.bends.items()},
            leans={level: (mean, sd * turns, across * turns) for level, (mean, sd, across) in self.leans.items()},
        )

    def to_json(self) -> str:
        """All of it as text for a model's card; `from_json` gives it back equal."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return json_text({**values, "steps_mm": {"-".join(step): value for step, value in self.steps_mm.items()}})

    @classmethod
    def from_json(cls, stored: str | Mapping[str, Any]) -> Statistics:
        """The statistics that `to_json` wrote, as text or read already. Raises: ValueError where they are none."""
        try:
            values = parsed_json(stored) if isinstance(stored, str) else dict(stored)
            if OLD_TEMPERATURE in values:
                values["inverse_temperature"] = values.pop(OLD_TEMPERATURE)
            values["steps_mm"] = {tuple(step.split("-")): value for step, value in values["steps_mm"].items()}
            return from_json(cls, values)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"This text holds no statistics of naming. Received: {str(stored)[:80]!r}.") from error


_PER_LEVEL = ("bends", "leans", "starts", "ends", "missed")
OLD_TEMPERATURE = "sureness"
"""The key of ``inverse_temperature`` in older files."""
