"""Naming of 30 detections: the decoder against a ceiling, and against Python loops over the same model.

Times are processor times, so that other work on the machine does not count.
"""

from __future__ import annotations

import time

import numpy as np

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.n_best import best_sequences
from utility_functions.anatomy.naming.sequence_model import SequenceModel, chain_of
from utility_functions.anatomy.naming.statistics import Statistics

CEILING_MS = 20.0
FLOOR = 20
REPEATS, LOOPED = 9, 8


def by_loops(chain: SequenceModel) -> float:
    """The log-weight of the best sequence, by the same recursion in Python loops."""
    count, levels, sizes = len(chain.unary), len(chain.start), len(chain.sizes)
    best = chain.false_sums[-1] + chain.nothing
    ending: dict[tuple[int, int, int, int], float] = {}
    with np.errstate(divide="ignore"):
        turns, steps = ([np.log(each) for each in some] for some in (chain.turns, chain.steps))
    neighbours = [chain.table.below[level].T.tolist() for level in range(levels)]
    for i in range(count):
        for level in range(levels):
            for size in range(sizes):
                first = chain.false_sums[i] + chain.start[level] + chain.unary[i, level] + chain.sizes[size]
                ending[-1, i, level, size] = first
                for before in range(-1, i):
                    weight = ending.get((before, i, level, size), -np.inf)
                    best = max(best, weight + chain.end[level] + chain.after(i))
                    if weight == -np.inf:
                        continue
                    for k in range(i + 1, count):
                        turned = weight + turns[i][level, k - i - 1, before + 1] + chain.between(i)[k - i - 1]
                        for lower, row in neighbours[level]:
                            step = steps[i][row, size, k - i - 1] + chain.unary[k, lower]
                            key = (i, k, lower, size)
                            ending[key] = max(ending.get(key, -np.inf), turned + step)
    return float(best)


def detections(count: int) -> Detections:
    """A whole spine with steps of 25 mm, one body detected twice, and ambiguous evidence."""
    rng = np.random.default_rng(1)
    points = np.array([0.0, 0.0, -25.0]) * np.arange(count)[:, None] + rng.normal(size=(count, 3)) * 3
    points[count // 2] = points[count // 2 - 1] + 2.0
    evidence = rng.normal(size=(count, len(LEVELS)))
    evidence[np.arange(count), np.minimum(np.arange(count), len(LEVELS) - 1)] += 2
    return Detections(points, evidence, np.zeros(count))


def main() -> None:
    statistics = Statistics()
    many, few = detections(30), chain_of(detections(LOOPED), statistics)
    decode(many, statistics)
    times: dict[str, list[float]] = {"decode": [], "loops": [], "arrays": []}
    for repeat in range(REPEATS):
        started = time.process_time()
        decode(many, statistics)
        times["decode"].append(time.process_time() - started)
        started = time.process_time()
        found = best_sequences(few)[0].log_weight
        times["arrays"].append(time.process_time() - started)
        if repeat < 3:
            started = time.process_time()
            expected = by_loops(few)
            times["loops"].append(time.process_time() - started)
    whole, loops, arrays = (float(np.median(times[name])) for name in ("decode", "loops", "arrays"))
    print(
        f"naming, 30 detections: {1e3 * whole:.1f} ms with posteriors and margins (ceiling {CEILING_MS:.0f} ms, "
        f"ratio {1e3 * whole / CEILING_MS:.2f})"
    )
    print(
        f"naming, {LOOPED} detections, best sequence: {1e3 * arrays:.2f} ms by arrays, {1e3 * loops:.0f} ms by loops, "
        f"{loops / arrays:.0f}x (floor {FLOOR}x), equal: {bool(np.isclose(found, expected))}"
    )


if __name__ == "__main__":
    main()
