"""Statistics of a data set: fitted from scans whose detections are matched to named bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.naming.evidence import ROWS, Pedicles, Regions, pedicle_features
from utility_functions.anatomy.naming.matching import true_names
from utility_functions.anatomy.naming.sequence_model import directions
from utility_functions.anatomy.naming.statistics import STEPS, VARIANTS, Statistics
from utility_functions.geometry.landmarks import Landmarks

STRENGTH = 5.0
"""The usual statistics count as much as this many observations."""
MISSED_STRENGTH, VARIANT_STRENGTH = 200.0, 50.0
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Example:
    """One scan to learn from, all places in RAS+ mm: N detected bodies, and the true ones.

    probabilities: (N, 3) of cervical, thoracic and lumbar, or None.  pedicles: left and right ones, or None.
    names: the level of each detection, "" where false, if known; else the true bodies determine it (`matching`). With
        names only the names of the true bodies count.
    """

    points_mm: Array
    true: Landmarks
    probabilities: Array | None = None
    pedicles_mm: tuple[Array, Array] | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class _Matched:
    """An example whose detections are named; those that are levels from the top down in ``chain``."""

    example: Example
    names: tuple[str, ...]
    chain: tuple[tuple[str, Array], ...]

    @classmethod
    def of(cls, example: Example) -> _Matched:
        names = true_names(example.points_mm, example.true) if example.names is None else example.names
        places = sorted((i for i, name in enumerate(names) if name), key=lambda i: anatomical_order(names[i]))
        return cls(example, names, tuple((names[i], example.points_mm[i]) for i in places))

    def steps(self) -> list[tuple[tuple[str, str], Array]]:
        """Between neighbours that were both found, T11-L1 only where the patient has no T12."""
        pairs = [((a, b), q - p) for (a, p), (b, q) in pairwise(self.chain)]
        missing = set(self.example.true.names)
        return [
            (pair, step) for pair, step in pairs if pair in STEPS and not (pair == ("T11", "L1") and "T12" in missing)
        ]


def fit(examples: Iterable[Example], usual: Statistics | None = None) -> Statistics:
    """Statistics of these scans, shrunk towards ``usual`` (the literature's) where data are few.

    Distances and bends are those of the detections, whose noise belongs to them. Raises: ValueError without any match.
    """
    usual = usual or Statistics()
    matched = [_Matched.of(example) for example in examples]
    if not any(each.chain for each in matched):
        raise ValueError(
            f"Statistics are fitted on detections near named bodies. Received: {len(matched)} scans, none."
        )
    steps_mm, size_sd = _distances(matched, usual)
    bends, leans = _angles(matched, usual)
    starts, ends = _starts_and_ends(matched, usual)
    false_count = sum(not name for each in matched for name in each.names)
    return replace(
        usual,
        steps_mm=steps_mm,
        size_sd=size_sd,
        bends=bends,
        leans=leans,
        starts=starts,
        ends=ends,
        missed=_missed(matched, usual),
        variants=_variants(matched, usual),
        false_rate=(false_count + 1.0) / (sum(len(each.names) for each in matched) + 1.0 / usual.false_rate),
        regions=_regions(matched),
        pedicles=_pedicles(matched),
    )


def _distances(
    matched: Sequence[_Matched], usual: Statistics
) -> tuple[dict[tuple[str, str], tuple[float, float]], float]:
    """Means and deviations per step normalised by each patient's size, and the spread of sizes."""
    lengths = [[(pair, float(np.linalg.norm(step))) for pair, step in each.steps()] for each in matched]
    by_step: dict[tuple[str, str], list[float]] = {step: [] for step in STEPS}
    for pair, length in (entry for scan in lengths for entry in scan):
        by_step[pair].append(length)
    means = {step: _leaning(_trimmed(by_step[step]), usual.steps_mm[step][0]) for step in STEPS}
    scans = [np.array([np.log(max(length, 1.0) / means[pair]) for pair, length in scan]) for scan in lengths if scan]
    long_ones = [scan for scan in scans if len(scan) >= 3]
    if len(long_ones) < 3:
        return {step: (means[step], usual.steps_mm[step][1]) for step in STEPS}, usual.size_sd
    noise = float(np.median([np.var(scan, ddof=1) for scan in long_ones]))
    spread = float(np.var(_trimmed([float(np.median(scan)) for scan in long_ones])))
    size_sd = float(np.sqrt(max(spread - noise / np.median([len(scan) for scan in long_ones]), 1e-4)))
    residuals: dict[tuple[str, str], list[float]] = {step: [] for step in STEPS}
    for named, scan in zip((scan for scan in lengths if scan), scans, strict=True):
        size = scan.sum() / (len(scan) + noise / size_sd**2)
        for (pair, _), ratio in zip(named, scan, strict=True):
            residuals[pair].append(float(ratio - size) / np.sqrt(1 - 1 / (len(scan) + 1)))
    deviations = {}
    for step in STEPS:
        expected = usual.steps_mm[step][1] / usual.steps_mm[step][0]
        kept = _trimmed(residuals[step])
        deviations[step] = means[step] * np.sqrt((np.sum(kept**2) + STRENGTH * expected**2) / (len(kept) + STRENGTH))
    return {step: (means[step], float(deviations[step])) for step in STEPS}, size_sd


def _angles(
    matched: Sequence[_Matched], usual: Statistics
) -> tuple[dict[str, tuple[float, float, float]], dict[str, tuple[float, float, float]]]:
    """Bends and leans per level, in degrees."""
    bends: dict[str, list[tuple[float, float]]] = {level: [] for level in LEVELS}
    leans: dict[str, list[tuple[float, float]]] = {level: [] for level in LEVELS}
    for each in matched:
        steps = each.steps()
        if not steps:
            continue
        sagittal, coronal = np.degrees(directions(np.array([step for _, step in steps])))
        for i, ((upper, lower), _) in enumerate(steps):
            leans[upper].append((sagittal[i], coronal[i]))
            if i + 1 < len(steps) and steps[i + 1][0][0] == lower:
                turn = (sagittal[i + 1] - sagittal[i] + 180) % 360 - 180
                bends[lower].append((turn, coronal[i + 1] - coronal[i]))
    return (
        {level: _angle(bends[level], usual.bends[level]) for level in LEVELS},
        {level: _angle(leans[level], usual.leans[level]) for level in LEVELS},
    )


def _angle(seen: list[tuple[float, float]], usual: tuple[float, float, float]) -> tuple[float, float, float]:
    sagittal, coronal = (_trimmed([pair[i] for pair in seen]) for i in (0, 1))
    mean = _leaning(sagittal, usual[0])
    count = len(sagittal) + STRENGTH
    sd = np.sqrt((np.sum((sagittal - mean) ** 2) + STRENGTH * usual[1] ** 2) / count)
    across = np.sqrt((np.sum(coronal**2) + STRENGTH * usual[2] ** 2) / (len(coronal) + STRENGTH))
    return mean, float(sd), float(across)


def _starts_and_ends(matched: Sequence[_Matched], usual: Statistics) -> tuple[dict[str, float], dict[str, float]]:
    chains = [[name for name, _ in each.chain] for each in matched if each.chain]
    starts, ends = Counter(chain[0] for chain in chains), Counter(chain[-1] for chain in chains)
    passed = Counter(
        upper for chain in chains for upper, lower in pairwise(chain) if (upper, lower) not in VARIANTS.values()
    )
    seen = sum(starts.values())
    return (
        {level: (starts[level] + STRENGTH * usual.starts[level]) / (seen + STRENGTH) for level in LEVELS},
        {level: (ends[level] + 2 * usual.ends[level]) / (ends[level] + passed[level] + 2) for level in LEVELS},
    )


def _missed(matched: Sequence[_Matched], usual: Statistics) -> dict[str, float]:
    """Levels between the first and the last one found; what was missed there, and how often it could have been."""
    missed: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for each in matched:
        if len(each.chain) < 2:
            continue
        first, last = (anatomical_order(each.chain[i][0]) for i in (0, -1))
        found = {name for name, _ in each.chain}
        for name in each.example.true.only(VERTEBRAE).names:
            if first < anatomical_order(name) < last:
                inside[name] += 1
                missed[name] += name not in found
    overall = (sum(missed.values()) + 1.0) / (sum(inside.values()) + 1.0 / usual.missed["T12"])
    return {level: (missed[level] + MISSED_STRENGTH * overall) / (inside[level] + MISSED_STRENGTH) for level in LEVELS}


def _variants(matched: Sequence[_Matched], usual: Statistics) -> dict[str, float]:
    """Fraction of each variant's step among the true steps that leave its upper level."""
    taken: Counter[str] = Counter()
    leaving: Counter[str] = Counter()
    for each in matched:
        names = sorted(each.example.true.only(VERTEBRAE).names, key=anatomical_order)
        leaving.update(names[:-1] + [name for name in names[-1:] if name == "L5"])
        taken.update(name for name, step in VARIANTS.items() if step in pairwise(names))
    return {
        name: (taken[name] + VARIANT_STRENGTH * usual.variants[name]) / (leaving[step[0]] + VARIANT_STRENGTH)
        for name, step in VARIANTS.items()
    }


def _regions(matched: Sequence[_Matched]) -> Regions | None:
    matches = [(each.names, each.example.probabilities) for each in matched if each.names]
    given = [(names, probabilities) for names, probabilities in matches if probabilities is not None]
    if not given:
        return None
    rows = np.array([_row(name) for names, _ in given for name in names])
    return Regions.fit(rows, np.concatenate([probabilities for _, probabilities in given]))


def _pedicles(matched: Sequence[_Matched]) -> Pedicles | None:
    matches = [(each.names, each.example) for each in matched if each.names]
    given = [
        (names, pedicle_features(example.points_mm, *example.pedicles_mm))
        for names, example in matches
        if example.pedicles_mm is not None
    ]
    features = np.concatenate([each for _, each in given]) if given else np.zeros((0, 3))
    if np.isfinite(features).all(axis=1).sum() < 4:
        return None
    return Pedicles.fit(np.array([_row(name) for names, _ in given for name in names]), features)


def _row(name: str) -> int:
    return ROWS.index(name) if name else len(LEVELS)


def _leaning(values: Array, usual: float) -> float:
    return float((values.sum() + STRENGTH * usual) / (len(values) + STRENGTH))


def _trimmed(values: Sequence[float]) -> Array:
    """Those within 5 robust deviations of the median: outliers have a term of their own."""
    seen = np.asarray(values, float)
    if len(seen) < 5:
        return seen
    away = np.abs(seen - np.median(seen))
    return seen[away <= 5 * max(1.4826 * float(np.median(away)), 1e-6)]
