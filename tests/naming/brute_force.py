"""The weight of a sequence by definition, and all sequences one by one: the reference for the decoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np

from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.statistics import STEPS, VARIANTS, Statistics
from utility_functions.anatomy.spine_sizes import usual_half_height_mm

FALSE = -1
NOTHING = 1e-3


def normal(away: float, sd: float) -> float:
    return math.exp(-0.5 * (away / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def step_probability(statistics: Statistics, upper: str, lower: str) -> float:
    for name, step in VARIANTS.items():
        if step == (upper, lower):
            return statistics.variants[name]
    leaving = sum(statistics.variants[name] for name, step in VARIANTS.items() if step[0] == upper)
    return (1 - leaving) * (1 - statistics.ends[upper])


def end_probability(statistics: Statistics, level: str) -> float:
    leaving = sum(statistics.variants[name] for name, step in VARIANTS.items() if step[0] == level)
    return (1 - leaving) * statistics.ends[level]


def routes_between(upper: str, lower: str) -> Iterator[tuple[str, ...]]:
    """All routes from one level down to another, with missed levels between."""
    if upper == lower:
        yield (lower,)
    for first, second in STEPS:
        if first == upper:
            for rest in routes_between(second, lower):
                yield (upper, *rest)


def angles(step: np.ndarray) -> tuple[float, float]:
    return math.atan2(step[1], -step[2]), math.atan2(step[0], math.hypot(step[1], step[2]))


def angle_density(table: tuple[float, ...], sagittal: float, coronal: float, ratio: float, outliers: float) -> float:
    mean, sd, sd_coronal = (math.radians(value) for value in table)
    wider = math.sqrt(max(ratio, 0.5))
    inside = normal(sagittal - mean * ratio, sd * wider) * normal(coronal, sd_coronal * wider)
    return (1 - outliers) * inside + outliers / (2 * math.pi**2)


def sizes(statistics: Statistics) -> list[tuple[float, float]]:
    """Factors of the patient's size with their probabilities."""
    deviations, weights = [-math.sqrt(3), 0.0, math.sqrt(3)], [1.0, 4.0, 1.0]
    return [(math.exp(statistics.size_sd * d), w / sum(weights)) for d, w in zip(deviations, weights, strict=True)]


def weight(levels: tuple[int, ...], detections: Detections, statistics: Statistics, size: float, most: int) -> float:
    """The weight of one sequence (a position of LEVELS or FALSE for each ordered detection) at one size."""
    result, points = 1.0, detections.points_mm
    for i, level in enumerate(levels):
        log_evidence = np.append(detections.evidence[i], detections.false_evidence[i])
        log_evidence = (log_evidence - log_evidence.max()) * detections.visibility[i]
        prior = statistics.false_rate if detections.false_prior is None else detections.false_prior[i]
        if level == FALSE:
            result *= prior * math.exp(log_evidence[-1]) / statistics.volume_mm3
        else:
            result *= (1 - prior) * math.exp(log_evidence[level])
    taken = [i for i, level in enumerate(levels) if level != FALSE]
    if not taken:
        return result * NOTHING
    names = [LEVELS[level] for level in levels if level != FALSE]
    result *= statistics.starts[names[0]] / statistics.volume_mm3 * end_probability(statistics, names[-1])
    for upper, lower, i, k in zip(names, names[1:], taken, taken[1:], strict=False):
        apart = float(np.linalg.norm(points[k] - points[i]))
        looser = 1 + 2 - detections.visibility[i] - detections.visibility[k]
        total = 0.0
        for way in routes_between(upper, lower):
            if len(way) - 2 > most:
                continue
            price = math.prod(step_probability(statistics, *step) for step in pairwise(way))
            price *= math.prod(statistics.missed[level] for level in way[1:-1]) * (1 - statistics.missed[lower])
            mean = size * sum(statistics.steps_mm[step][0] for step in pairwise(way))
            sd = size * looser * math.sqrt(sum(statistics.steps_mm[step][1] ** 2 for step in pairwise(way)))
            outliers = statistics.outliers
            total += price * ((1 - outliers) * normal(apart - mean, sd) + outliers / 200.0)
        result *= total / apart**2
    for place, (i, k) in enumerate(pairwise(taken)):
        down = points[k] - points[i]
        sagittal, coronal = angles(down)
        table, ratio = statistics.leans[names[place]], 1.0
        if place:
            up = points[i] - points[taken[place - 1]]
            sagittal = (sagittal - angles(up)[0] + math.pi) % (2 * math.pi) - math.pi
            coronal -= angles(up)[1]
            table = statistics.bends[names[place]]
            ratio = float(np.linalg.norm(up) + np.linalg.norm(down)) / (4 * usual_half_height_mm(names[place]))
        result *= angle_density(table, sagittal, coronal, ratio, statistics.outliers)
    return result


def every_sequence(
    detections: Detections, statistics: Statistics, levels: range, most: int
) -> list[tuple[tuple[int, ...], list[float]]]:
    """Every sequence over some levels with its weight at each size (that of the size's probability included)."""
    of_all, sure = sizes(statistics), statistics.inverse_temperature
    return [
        (
            sequence,
            [(fraction * weight(sequence, detections, statistics, size, most)) ** sure for size, fraction in of_all]
            if any(level != FALSE for level in sequence)
            else [weight(sequence, detections, statistics, 1.0, most) ** sure],  # without vertebrae there is no size
        )
        for sequence in product((FALSE, *levels), repeat=len(detections))
        if all(a < b for a, b in pairwise([level for level in sequence if level != FALSE]))
    ]


def spine(
    first: str, last: str, *, without: tuple[str, ...] = (), extra: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The bodies of a usual spine in RAS+ mm, at the usual distances and bends, from one level to another.

    without: levels that the patient does not have.  extra: variants (T13, L6) that the patient has.
    """
    statistics = Statistics()
    chosen = VERTEBRAE[VERTEBRAE.index(first) : VERTEBRAE.index(last) + 1]
    chain = [name for name in chosen if name not in without and (name not in ("T13", "L6") or name in extra)]
    lean = statistics.leans[chain[0]][0]
    place = np.array([5.0, -20.0, 300.0])
    points = {chain[0]: place}
    for upper, lower in pairwise(chain):
        if upper != chain[0]:
            lean += statistics.bends[upper][0]
        angle = math.radians(lean)
        place = place + statistics.steps_mm[upper, lower][0] * np.array([0.0, math.sin(angle), -math.cos(angle)])
        points[lower] = place
    return points


def detected(spine: dict[str, np.ndarray], nats: float = 4.0, levels: dict[str, str] | None = None) -> Detections:
    """Detections of these bodies with ``nats`` of evidence for their level, or for that in ``levels``."""
    evidence = np.zeros((len(spine), len(LEVELS)))
    for row, name in enumerate(spine):
        evidence[row, LEVELS.index((levels or {}).get(name, name))] = nats
    return Detections(np.array(list(spine.values())).reshape(-1, 3), evidence, np.zeros(len(spine)))
