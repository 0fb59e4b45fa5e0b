"""Naming of real detections in five folds: python -m experiments naming_vid [--every N] [--network [FOLDER]].

The data are VID's (CC BY-SA 4.0): keypoints of 1,947 CTs, detected and true. Their file names do not tell the patient.
Scans whose bodies have the same spacings within 2 mm count as one patient's and stay in one fold. Statistics are fitted
on the other folds. Four options are chosen on scans of those folds that were held out from this fit: the inflation of
variances, the inverse temperature of posteriors, the weight of pedicles, and the threshold of warnings. With --network
a model of the task naming is trained for each fold on the others, as the scripts train it; its evidence is decoded with
the options of its card. FOLDER keeps the models, so that an interrupted run resumes. Edges are pairs of a pedicle and
its body, by fixed offsets and by places fitted on the other folds; the files list the true pairs.

all: true bodies named by VerSe's rule; interpolated ones count. detected: those with a detection within 20 mm.
scans: fraction in which every detected body is named right. shifted: every named body is one level off, the same way.
ECE: calibration error of the posteriors of names, in ten bins. warned: fraction of wrong and of right scans with a
warning. error: mean error probability of wrong and of right scans.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from experiments import fold_networks
from experiments.pedicle_edges import lines as edge_lines
from experiments.pedicle_edges import pairs
from experiments.real_cases import real_folder
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.intervals import bootstrap_interval
from losses_and_metrics.naming_summary import variants_of
from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.anatomy.naming.decoder import Naming, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.patient_matching import alike
from utility_functions.anatomy.naming.statistics import VARIANTS, Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import read_keypoints
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.tables import text_table

FOLDS = 5
GEOMETRY = ((1.0, 1.0), (1.6, 3.5), (2.2, 2.5), (3.0, 4.0))
INVERSE_TEMPERATURES = (0.4, 0.5, 0.6, 0.75)
PEDICLES = (0.1, 0.3)
REFERENCE = ("reference (600 scans)", "93.5", "94.4", "93.5", *("-",) * 6)
HEADER = ("evidence", "all", "detected", "scans", "shifted", "ECE", *("warned wrong", "right", "error wrong", "right"))


@dataclass(frozen=True)
class Result:
    """The naming of one scan.

    hits, detected: for each true body, whether it is identified, and whether it has a detection.
    posteriors: for each named body, its posterior, and whether the name is right.
    shifts: the differences in levels between predicted and true names.
    """

    hits: np.ndarray
    detected: np.ndarray
    posteriors: list[tuple[float, bool]]
    shifts: set[int]
    log_posterior: float
    error_probability: float
    variants: tuple[str, ...]

    @property
    def right(self) -> bool:
        return bool(self.hits[self.detected].all())


def examples(folder: Path, every: int) -> list[Example]:
    """Every ``every``-th scan of the folder."""
    found = []
    for path in sorted((folder / "truth").glob("*.json"))[::every]:
        true, detected = read_keypoints(path), read_keypoints(folder / "predictions" / path.name)
        pedicles = (detected.left_mm, detected.right_mm)
        landmarks = Landmarks(true.names, true.bodies_mm)
        found.append(Example(detected.bodies_mm, landmarks, detected.probabilities, pedicles))
    return found


def patients(scans: Sequence[Example]) -> np.ndarray:
    """A number for each scan; scans that may show one patient share it."""
    return alike([example.true for example in scans])


def name(example: Example, statistics: Statistics) -> Naming:
    if example.probabilities is None:
        raise ValueError("The naming of detections needs their region probabilities. Received: none.")
    detections = Detections.from_regions(example.points_mm, example.probabilities, statistics, example.pedicles_mm)
    return decode(detections, statistics)


def scored(example: Example, naming: Naming) -> Result:
    true = example.true
    levels = {level.name: level for level in score_scan("", naming.landmarks, true).levels}
    apart = np.linalg.norm(true.points_mm[:, None] - example.points_mm[None], axis=-1)
    detected = apart.min(axis=1, initial=np.inf) <= 20
    posteriors, shifts = [], set()
    for predicted, point, posterior in zip(
        naming.found.names, naming.found.points_mm, naming.found.scores, strict=True
    ):
        distances = np.linalg.norm(true.points_mm - point, axis=1)
        if distances.min() <= 20:
            actual = true.names[int(distances.argmin())]
            posteriors.append((float(posterior), predicted == actual))
            shifts.add(rank(predicted) - rank(actual))
    own = [
        naming.posterior[apart[i].argmin(), LEVELS.index(level)] for i, level in enumerate(true.names) if detected[i]
    ]
    hits = np.array([levels[level].hit_verse for level in true.names])
    return Result(
        hits,
        detected,
        posteriors,
        shifts,
        float(np.sum(np.log(np.maximum(own, 1e-6)))),
        naming.error_probability,
        naming.variants,
    )


def rank(level: str) -> int:
    """The position of a level from the top of a usual spine; T13 counts as L1, and S1 as L6."""
    return anatomical_order(level) - (anatomical_order(level) >= anatomical_order("L1")) - (level == "S1")


def with_pedicles(statistics: Statistics, weight: float) -> Statistics:
    if not weight or statistics.pedicles is None:
        return replace(statistics, pedicles=None)
    return replace(statistics, pedicles=replace(statistics.pedicles, weight=weight))


def chosen(training: list[Example], tuning: list[Example], weights: Sequence[float]) -> tuple[Statistics, float]:
    """Statistics of all these scans, and the threshold of warnings.

    The options are those under which the true names of the tuning scans have the largest posterior.
    """
    inner = fit(training)
    settings = {"steps": 1.6, "turns": 3.5, "weight": weights[0], "inverse_temperature": 0.5}

    def adjusted(base: Statistics, values: dict[str, float]) -> Statistics:
        inflated = base.with_inflated_variances(values["steps"], values["turns"])
        return with_pedicles(replace(inflated, inverse_temperature=values["inverse_temperature"]), values["weight"])

    def tried(values: dict[str, float]) -> list[Result]:
        statistics = adjusted(inner, values)
        return [scored(example, name(example, statistics)) for example in tuning]

    results = tried(settings)
    options = [{"inverse_temperature": t} for t in INVERSE_TEMPERATURES] + [{"weight": w} for w in weights[1:]]
    for option in [*({"steps": s, "turns": t} for s, t in GEOMETRY), *options]:
        other = settings | option
        if other != settings:
            found = tried(other)
            if sum(each.log_posterior for each in found) > sum(each.log_posterior for each in results):
                settings, results = other, found
    of_right = [each.error_probability for each in results if each.right]
    return adjusted(fit(training + tuning), settings), float(np.quantile(of_right, 0.92))


def row(title: str, results: list[Result], warned: list[bool]) -> tuple[str, ...]:
    hits, detected = (np.concatenate([getattr(each, what) for each in results]) for what in ("hits", "detected"))
    right, error_probability, warning = np.array(
        [(each.right, each.error_probability, w) for each, w in zip(results, warned, strict=True)]
    ).T
    right = right.astype(bool)
    pairs = np.array([pair for each in results for pair in each.posteriors])
    bins = np.minimum((10 * pairs[:, 0]).astype(int), 9)
    error = sum(abs((pairs[bins == b, 0] - pairs[bins == b, 1]).sum()) for b in range(10)) / len(pairs)
    shifted = np.mean([each.shifts in ({1}, {-1}) for each in results])
    fractions = (hits.mean(), hits[detected].mean(), right.mean(), shifted, error)
    split = [
        values[mask].mean() if mask.any() else np.nan
        for values in (warning, error_probability)
        for mask in (~right, right)
    ]
    return (title, *(f"{100 * value:.1f}" for value in (*fractions, *split)))


def intervals(results: Sequence[Result]) -> str:
    """The rates of bodies, detected bodies and scans, with 95 % intervals over scans."""
    hits = [np.array([each.hits.sum(), each.hits[each.detected].sum(), each.right], float) for each in results]
    counts = [np.array([len(each.hits), each.detected.sum(), 1]) for each in results]
    texts = []
    for sums, totals, what in zip(np.transpose(hits), np.transpose(counts), HEADER[1:4], strict=True):
        low, high = bootstrap_interval(sums, totals) or (np.nan, np.nan)
        texts.append(f"{what} {100 * sums.sum() / totals.sum():.2f} % ({100 * low:.1f} to {100 * high:.1f})")
    return ", ".join(texts)


def variant_rows(scans: Sequence[Example], results: Sequence[Result]) -> pd.DataFrame:
    """A row for each variant: scans that show it, those in which it is reported, those named right, false reports."""
    pairs = [(variants_of(scan.true), each) for scan, each in zip(scans, results, strict=True)]
    rows = []
    for variant in VARIANTS:
        true = [each for present, each in pairs if variant in present]
        false = [each for present, each in pairs if variant not in present and variant in each.variants]
        reported = sum(variant in each.variants for each in true)
        counts = len(true), reported, sum(each.right for each in true), len(false)
        rows.append((variant, *counts))
    return pd.DataFrame(rows, columns=["variant", "scans", "reported", "all right", "false reports"])


def by_network(
    scans: list[Example], fold: np.ndarray, held_out: int, every: int, models: Path
) -> tuple[list[Result], float]:
    """The held-out scans named with a network trained on the others, and its threshold of warnings."""
    from learning_functions.inference.naming_evidence import completed, named

    cases = fold_networks.cases_of(real_folder() / "vid", every)
    model = fold_networks.trained_on([cases[i] for i in np.flatnonzero(fold != held_out)], models, f"fold{held_out}")
    own = [scans[i] for i in np.flatnonzero(fold == held_out)]
    probabilities = fold_networks.probabilities_of(model, own)
    results = []
    for scan, own_probabilities in zip(own, probabilities, strict=True):
        naming = named(own_probabilities, scan.points_mm, model.settings)
        results.append(scored(scan, completed(naming, fold_networks.keypoints_of(scan), model.settings)))
    return results, model.settings.options.warn_from


def limits(scans: Sequence[Example], results: Sequence[Result]) -> str:
    """Counts the scans with wrong names, each by the first reason that holds."""
    groups: Counter[str] = Counter()
    for scan, result in zip(scans, results, strict=True):
        if result.right:
            continue
        if {"L6", "T13"} & set(scan.true.names):
            groups["with L6 or T13"] += 1
        elif result.shifts in ({1}, {-1}):
            groups["shifted, L5 not in the scan" if "L5" not in scan.true.names else "shifted, L5 in the scan"] += 1
        else:
            groups["with false or missed detections, or shifted in part"] += 1
    reasons = ", ".join(f"{count} {reason}" for reason, count in groups.most_common())
    wrong = f"{sum(groups.values())} of {len(results)} scans are wrong"
    ends = {"L5": lambda names: "L5" in names, "neither neck nor L5": lambda names: {"L5", "C7"}.isdisjoint(names)}
    texts = []
    for end, shows in ends.items():
        own = [each.right for scan, each in zip(scans, results, strict=True) if shows(scan.true.names)]
        texts.append(f"{own.count(False)} of {len(own)} that show {end}")
    undetected = np.concatenate([each.hits[~each.detected] for each in results])
    interpolated = f"{int(undetected.sum())} of {len(undetected)} bodies without a detection are interpolated"
    return f"{wrong}, {', '.join(texts)}: {reasons}; {interpolated}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments naming_vid", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="every N-th scan only (default: 1, all)", metavar="N")
    parser.add_argument("--tuning", type=int, default=150, help="scans per fold that choose the options (default: 150)")
    parser.add_argument("--pedicles", action="store_true", help="also use pedicles")
    parser.add_argument(
        "--network", nargs="?", const="", metavar="FOLDER", help="use a network; FOLDER keeps the models"
    )
    parser.add_argument("--only", type=int, metavar="N", help="only the first N folds")
    options = parser.parse_args(argv)
    try:
        folder = real_folder() / "vid"
        scans = examples(folder, options.every)
    except (NotADirectoryError, BrokenFile) as error:
        print(error, file=sys.stderr)
        return 2
    if len(scans) < 10 * FOLDS:
        print(f"Five folds need at least {10 * FOLDS} scans. Received: {len(scans)}.", file=sys.stderr)
        return 2
    patient = patients(scans)
    rng = np.random.default_rng(0)
    fold = rng.integers(0, FOLDS, patient.max() + 1)[patient]
    print(f"{len(scans)} scans of at most {patient.max() + 1} patients, {FOLDS} folds", flush=True)
    print("\n".join(edge_lines(pairs(folder, options.every), fold, FOLDS)), flush=True)
    title = "network" if options.network is not None else "and pedicles" if options.pedicles else "regions, distances"
    results: list[Result] = []
    warned: list[bool] = []
    with TemporaryDirectory() as temporary:
        for held_out in range(options.only or FOLDS):
            if options.network is not None:
                found, threshold = by_network(scans, fold, held_out, options.every, Path(options.network or temporary))
            else:
                others = rng.permutation(np.flatnonzero(fold != held_out))
                held = set(patient[others[: options.tuning]].tolist())  # whole patients
                tuning = [scans[i] for i in others if patient[i] in held]
                training = [scans[i] for i in others if patient[i] not in held]
                statistics, threshold = chosen(training, tuning, (0.0, *PEDICLES) if options.pedicles else (0.0,))
                found = [scored(scans[i], name(scans[i], statistics)) for i in np.flatnonzero(fold == held_out)]
            results += found
            warned += [each.error_probability > threshold for each in found]
            print("  " + "  ".join(row(f"up to fold {held_out + 1}", results, warned)), flush=True)
    print(text_table(pd.DataFrame([REFERENCE, row(title, results, warned)], columns=HEADER)))
    print(intervals(results))
    named = [scans[i] for held_out in range(options.only or FOLDS) for i in np.flatnonzero(fold == held_out)]
    print(limits(named, results))
    print(text_table(variant_rows(named, results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
