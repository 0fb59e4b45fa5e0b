"""Real detections named in five folds: python -m experiments naming_vid [--every N] [--network [FOLDER]].

The data are VID's (CC BY-SA 4.0): keypoints of 1,947 CTs, detected and true. Their file names tell no patient, so scans
whose bodies are spaced alike to 2 mm count as one patient's and stay in one fold. Statistics are fitted on the other
folds; what is chosen (how far deviations are loosened, how sure posteriors are, how much pedicles count, where warnings
begin) is chosen on scans of those folds that the statistics of the choice did not see. With --network a model of the
task naming is trained for each fold on the others, as the scripts do it, and its evidence decoded with what its card
holds; FOLDER keeps the models, so that an interrupted run goes on. Edges: pedicles and bodies that belong together, by
fixed offsets and by places learnt on the other folds, against the true ones, by which the files list them.

all: true bodies named by VerSe's rule (missed ones filled in count); detected: those with a detection within 20 mm;
scans: share in which every detected body is named right; shifted: every body that is named is one level off the same
way; ECE: calibration error of the posterior of the names, in ten bins; warned: share of wrong scans and of right ones
with the warning; doubt: mean probability told that a name is wrong, wrong scans and right ones.
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
SURENESS = (0.4, 0.5, 0.6, 0.75)
PEDICLES = (0.1, 0.3)
REFERENCE = ("reference (600 scans)", "93.5", "94.4", "93.5", *("-",) * 6)
HEADER = ("evidence", "all", "detected", "scans", "shifted", "ECE", *("warned wrong", "right", "doubt wrong", "right"))


@dataclass(frozen=True)
class Result:
    """One scan named: hits per true body, whether it has a detection, and (posterior, right) per named one."""

    hits: np.ndarray
    detected: np.ndarray
    told: list[tuple[float, bool]]
    shifts: set[int]
    log_posterior: float
    error_probability: float
    variants: tuple[str, ...]

    @property
    def right(self) -> bool:
        return bool(self.hits[self.detected].all())


def examples(folder: Path, every: int) -> list[Example]:
    """Every so manieth scan."""
    found = []
    for path in sorted((folder / "truth").glob("*.json"))[::every]:
        true, seen = read_keypoints(path), read_keypoints(folder / "predictions" / path.name)
        pedicles = (seen.left_mm, seen.right_mm)
        found.append(Example(seen.bodies_mm, Landmarks(true.names, true.bodies_mm), seen.probabilities, pedicles))
    return found


def patients(scans: Sequence[Example]) -> np.ndarray:
    """A number per scan, the same for those that may be one patient's."""
    return alike([example.true for example in scans])


def name(example: Example, statistics: Statistics) -> Naming:
    given = Detections.from_regions(example.points_mm, example.probabilities, statistics, example.pedicles_mm)
    return decode(given, statistics)


def judged(example: Example, naming: Naming) -> Result:
    true = example.true
    levels = {level.name: level for level in score_scan("", naming.landmarks, true).levels}
    apart = np.linalg.norm(true.points_mm[:, None] - example.points_mm[None], axis=-1)
    detected = apart.min(axis=1, initial=np.inf) <= 20
    told, shifts = [], set()
    for called, point, sure in zip(naming.found.names, naming.found.points_mm, naming.found.scores, strict=True):
        away = np.linalg.norm(true.points_mm - point, axis=1)
        if away.min() <= 20:
            is_it = true.names[int(away.argmin())]
            told.append((float(sure), called == is_it))
            shifts.add(rank(called) - rank(is_it))
    own = [
        naming.posterior[apart[i].argmin(), LEVELS.index(level)] for i, level in enumerate(true.names) if detected[i]
    ]
    hits = np.array([levels[level].hit_verse for level in true.names])
    return Result(
        hits,
        detected,
        told,
        shifts,
        float(np.sum(np.log(np.maximum(own, 1e-6)))),
        naming.error_probability,
        naming.variants,
    )


def rank(level: str) -> int:
    """Levels counted down a usual spine; T13 counts with L1, and S1 with L6."""
    return anatomical_order(level) - (anatomical_order(level) >= anatomical_order("L1")) - (level == "S1")


def with_pedicles(statistics: Statistics, weight: float) -> Statistics:
    if not weight or statistics.pedicles is None:
        return replace(statistics, pedicles=None)
    return replace(statistics, pedicles=replace(statistics.pedicles, weight=weight))


def chosen(training: list[Example], tuned_on: list[Example], weights: Sequence[float]) -> tuple[Statistics, float]:
    """Statistics of all given scans with what names the tuning ones most probably, and where warnings begin."""
    inner = fit(training)
    settings = {"steps": 1.6, "turns": 3.5, "weight": weights[0], "sureness": 0.5}

    def made(base: Statistics, with_these: dict[str, float]) -> Statistics:
        loose = base.with_inflated_variances(with_these["steps"], with_these["turns"])
        return with_pedicles(replace(loose, sureness=with_these["sureness"]), with_these["weight"])

    def tried(with_these: dict[str, float]) -> list[Result]:
        statistics = made(inner, with_these)
        return [judged(example, name(example, statistics)) for example in tuned_on]

    results = tried(settings)
    options = [{"sureness": s} for s in SURENESS] + [{"weight": w} for w in weights[1:]]
    for option in [*({"steps": s, "turns": t} for s, t in GEOMETRY), *options]:
        other = settings | option
        if other != settings:
            found = tried(other)
            if sum(each.log_posterior for each in found) > sum(each.log_posterior for each in results):
                settings, results = other, found
    doubts = [each.error_probability for each in results if each.right]
    return made(fit(training + tuned_on), settings), float(np.quantile(doubts, 0.92))


def row(title: str, results: list[Result], warned: list[bool]) -> tuple[str, ...]:
    hits, detected = (np.concatenate([getattr(each, what) for each in results]) for what in ("hits", "detected"))
    right, error_probability, warning = np.array(
        [(each.right, each.error_probability, w) for each, w in zip(results, warned, strict=True)]
    ).T
    right = right.astype(bool)
    told = np.array([pair for each in results for pair in each.told])
    bins = np.minimum((10 * told[:, 0]).astype(int), 9)
    error = sum(abs((told[bins == b, 0] - told[bins == b, 1]).sum()) for b in range(10)) / len(told)
    shifted = np.mean([each.shifts in ({1}, {-1}) for each in results])
    shares = (hits.mean(), hits[detected].mean(), right.mean(), shifted, error)
    split = [
        values[mask].mean() if mask.any() else np.nan
        for values in (warning, error_probability)
        for mask in (~right, right)
    ]
    return (title, *(f"{100 * share:.1f}" for share in (*shares, *split)))


def intervals(results: Sequence[Result]) -> str:
    """All, detected and scans to two digits, with 95 % intervals over scans."""
    hits = [np.array([each.hits.sum(), each.hits[each.detected].sum(), each.right], float) for each in results]
    counts = [np.array([len(each.hits), each.detected.sum(), 1]) for each in results]
    told = []
    for sums, of, what in zip(np.transpose(hits), np.transpose(counts), HEADER[1:4], strict=True):
        low, high = bootstrap_interval(sums, of) or (np.nan, np.nan)
        told.append(f"{what} {100 * sums.sum() / of.sum():.2f} % ({100 * low:.1f} to {100 * high:.1f})")
    return ", ".join(told)


def variant_rows(scans: Sequence[Example], results: Sequence[Result]) -> pd.DataFrame:
    """Of each variant: scans that show it, those in which it is told and all named right, and scans told falsely."""
    pairs = [(variants_of(scan.true), each) for scan, each in zip(scans, results, strict=True)]
    rows = []
    for variant in VARIANTS:
        own = [each for true, each in pairs if variant in true]
        false = [each for true, each in pairs if variant not in true and variant in each.variants]
        counts = len(own), sum(variant in each.variants for each in own), sum(each.right for each in own), len(false)
        rows.append((variant, *counts))
    return pd.DataFrame(rows, columns=["variant", "scans", "told", "all right", "told falsely"])


def by_network(
    scans: list[Example], fold: np.ndarray, held_out: int, every: int, models: Path
) -> tuple[list[Result], float]:
    """The held-out scans as named with a network that learnt from the others, and where warnings begin."""
    from learning_functions.inference.naming_evidence import completed, named

    cases = fold_networks.cases_of(real_folder() / "vid", every)
    model = fold_networks.trained_on([cases[i] for i in np.flatnonzero(fold != held_out)], models, f"fold{held_out}")
    own = [scans[i] for i in np.flatnonzero(fold == held_out)]
    probabilities = fold_networks.probabilities_of(model, own)
    results = []
    for scan, its in zip(own, probabilities, strict=True):
        naming = named(its, scan.points_mm, model.settings)
        results.append(judged(scan, completed(naming, fold_networks.keypoints_of(scan), model.settings)))
    return results, model.settings.options.warn_from


def limits(scans: Sequence[Example], results: Sequence[Result]) -> str:
    """Which scans are named wrongly, by the first reason that holds."""
    groups: Counter[str] = Counter()
    for scan, result in zip(scans, results, strict=True):
        if result.right:
            continue
        if {"L6", "T13"} & set(scan.true.names):
            groups["with L6 or T13"] += 1
        elif result.shifts in ({1}, {-1}):
            groups["shifted, L5 not seen" if "L5" not in scan.true.names else "shifted, L5 seen"] += 1
        else:
            groups["with false or missed detections, or shifted in part"] += 1
    told = ", ".join(f"{count} {reason}" for reason, count in groups.most_common())
    wrong = f"{sum(groups.values())} of {len(results)} scans are wrong"
    ends = {"L5": lambda names: "L5" in names, "neither neck nor L5": lambda names: {"L5", "C7"}.isdisjoint(names)}
    shown = []
    for end, shows in ends.items():
        own = [each.right for scan, each in zip(scans, results, strict=True) if shows(scan.true.names)]
        shown.append(f"{own.count(False)} of {len(own)} that show {end}")
    unseen = np.concatenate([each.hits[~each.detected] for each in results])
    interpolated = f"of {len(unseen)} bodies without a detection {int(unseen.sum())} are filled in"
    return f"{wrong}, {', '.join(shown)}: {told}; {interpolated}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments naming_vid", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so manieth scan")
    parser.add_argument("--tuning", type=int, default=150, help="scans per fold on which is chosen")
    parser.add_argument("--pedicles", action="store_true", help="with what pedicles tell")
    parser.add_argument("--network", nargs="?", const="", metavar="FOLDER", help="with a network; FOLDER keeps models")
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
    print(f"{len(scans)} scans of {patient.max() + 1} patients at most, {FOLDS} folds", flush=True)
    print("\n".join(edge_lines(pairs(folder, options.every), fold, FOLDS)), flush=True)
    title = "network" if options.network is not None else "and pedicles" if options.pedicles else "regions, distances"
    results: list[Result] = []
    warned: list[bool] = []
    with TemporaryDirectory() as passing:
        for held_out in range(options.only or FOLDS):
            if options.network is not None:
                found, threshold = by_network(scans, fold, held_out, options.every, Path(options.network or passing))
            else:
                others = rng.permutation(np.flatnonzero(fold != held_out))
                tuning = set(patient[others[: options.tuning]].tolist())  # whole patients
                tuned_on = [scans[i] for i in others if patient[i] in tuning]
                training = [scans[i] for i in others if patient[i] not in tuning]
                statistics, threshold = chosen(training, tuned_on, (0.0, *PEDICLES) if options.pedicles else (0.0,))
                found = [judged(scans[i], name(scans[i], statistics)) for i in np.flatnonzero(fold == held_out)]
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
