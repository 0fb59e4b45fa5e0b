"""The effect of more phantoms, more filters or larger voxels on a task.

python -m experiments learning_curves TASK [--phantoms 60 240 960]

Every training takes the same number of steps and is validated on the same phantoms, which no training used. Only one
thing differs from the largest training: fewer phantoms (more epochs then), other filters, or another spacing. Larger
voxels show more of the body in one patch; validation then uses voxels of that size. Samples and finished trainings in
--folder are reused, so that an interrupted run resumes. Results also vary by chance from training to training: a
difference of a few per cent means nothing unless several --seeds agree.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

from benchmarks.scripts import run_script
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import Settings, load_task, settings_of, task_names
from utility_functions.reporting.pictures import write_figure
from utility_functions.reporting.plots import VALIDATION, read_log
from utility_functions.reporting.tables import text_table

TRAINING_SEED, VALIDATION_SEED = 5001, 5002
LOSS = "val_loss"


@dataclass(frozen=True)
class Trial:
    """One training. seed: of the initial weights; spacing_mm: None means the preset's."""

    phantoms: int
    filters: int
    seed: int
    spacing_mm: float | None = None


def trials(
    phantoms: Sequence[int], filters: Sequence[int], seeds: Sequence[int], spacings: Sequence[float] = ()
) -> list[Trial]:
    """Every number of phantoms with the first number of filters; the largest number also with the other filters, and
    with the first filters at each further spacing.
    """
    most = max(phantoms)
    kinds: list[tuple[int, int, float | None]] = [(count, filters[0], None) for count in sorted(phantoms)]
    kinds += [(most, width, None) for width in filters[1:]] + [(most, filters[0], spacing) for spacing in spacings]
    return [Trial(count, width, seed, spacing) for count, width, spacing in kinds for seed in seeds]


def epochs_for(steps: int, samples: int, batch: int) -> int:
    """The number of epochs that comes nearest to so many steps, at least one."""
    return max(1, round(steps / -(-samples // batch)))


def can_be_equal(steps: int, samples: int, batch: int) -> bool:
    """Whether whole epochs of so many samples come within a quarter of the steps."""
    one = -(-samples // batch)
    return abs(epochs_for(steps, samples, batch) * one - steps) <= steps / 4


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments learning_curves", description=__doc__)
    parser.add_argument("task", choices=task_names())
    parser.add_argument("--preset", default="shipped")
    parser.add_argument("--phantoms", type=int, nargs="+", default=[60, 240, 960])
    parser.add_argument("--validation", type=int, default=60, help="phantoms for validation (default: 60)")
    parser.add_argument(
        "--filters", type=int, nargs="+", help="the first also for fewer phantoms (default: the preset's)"
    )
    parser.add_argument(
        "--spacings",
        type=float,
        nargs="+",
        default=[],
        metavar="MM",
        help="further voxel sizes in mm, with the largest number of phantoms",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path("curves"))
    arguments = parser.parse_args(argv)
    settings = settings_of(load_task(arguments.task), arguments.preset)
    filters = arguments.filters or [settings.filters]
    most = max(arguments.phantoms) * settings.samples_per_scan
    if not can_be_equal(arguments.steps, most, settings.batch):
        parser.error(
            f"{max(arguments.phantoms)} phantoms make epochs of {-(-most // settings.batch)} steps: trainings of "
            f"{arguments.steps} steps would differ in length. Choose more --steps or fewer --phantoms."
        )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results: dict[Trial, dict[str, float]] = {}
    for trial in trials(arguments.phantoms, filters, arguments.seeds, arguments.spacings):
        held_out = _samples(arguments, arguments.validation, VALIDATION_SEED, trial.spacing_mm)
        results[trial] = _trained(arguments, trial, settings, held_out)
        _print(results)
    _draw(results, arguments.folder / f"{arguments.task}_{arguments.preset}.png", arguments.task)
    return 0


def _samples(arguments: argparse.Namespace, phantoms: int, seed: int, spacing_mm: float | None) -> Path:
    path = arguments.folder / f"{arguments.task}_{arguments.preset}_{phantoms}_{seed}{_at(spacing_mm)}.h5"
    if not path.exists():
        options: tuple[str, ...] = ("--preset", arguments.preset, "--seed", str(seed), "--compression", "lzf")
        options += () if spacing_mm is None else ("--spacing", f"{spacing_mm:g}")
        run_script("generate_samples.py", arguments.task, f"phantom:{phantoms}", str(path), *options)
    return path


def _at(spacing_mm: float | None) -> str:
    return "" if spacing_mm is None else f"_{spacing_mm:g}mm"


def _trained(arguments: argparse.Namespace, trial: Trial, settings: Settings, held_out: Path) -> dict[str, float]:
    """The validation figures, by name, of the epoch with the lowest loss."""
    training = _samples(arguments, trial.phantoms, TRAINING_SEED, trial.spacing_mm)
    epochs = epochs_for(arguments.steps, open_store(training).count, settings.batch)
    name = f"{arguments.task}_{arguments.preset}_{trial.phantoms}_{trial.filters}_{trial.seed}_{arguments.steps}"
    name += _at(trial.spacing_mm)
    model = arguments.folder / f"{name}.h5"
    if not model.exists():
        options = {"epochs": epochs, "filters": trial.filters, "seed": trial.seed}
        flags = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        run_script("train.py", str(training), str(held_out), str(model), *flags, "--resume")
    log = read_log(model.with_suffix(".training") / "log.csv")
    best = int(np.nanargmin(log[LOSS]))
    return {name: values[best] for name, values in log.items() if name.startswith(VALIDATION)} | {
        "epochs": float(epochs)
    }


def _print(results: dict[Trial, dict[str, float]]) -> None:
    names = [name for name in next(iter(results.values())) if name != "epochs"]
    header = ("phantoms", "epochs", "filters", "seed", "mm", *(name.removeprefix(VALIDATION) for name in names))
    rows = [
        (
            *(str(number) for number in (trial.phantoms, round(figures["epochs"]), trial.filters, trial.seed)),
            "preset" if trial.spacing_mm is None else f"{trial.spacing_mm:g}",
            *(f"{figures[name]:.3f}" for name in names),
        )
        for trial, figures in results.items()
    ]
    print(text_table(pd.DataFrame(rows, columns=header), left=0), flush=True)


def _draw(results: dict[Trial, dict[str, float]], path: Path, task: str) -> None:
    """Plots validation loss over phantoms and over filters: a dot for each seed, a line through the means."""
    most = max(trial.phantoms for trial in results)
    first_filters = next(iter(results)).filters
    preset = [trial for trial in results if trial.spacing_mm is None]
    figure = Figure(figsize=(8, 3.2), layout="constrained", facecolor="white")
    plots = (
        ("phantoms", [(trial.phantoms, results[trial]) for trial in preset if trial.filters == first_filters]),
        ("filters", [(trial.filters, results[trial]) for trial in preset if trial.phantoms == most]),
    )
    for column, (title, points) in enumerate(plots):
        axes = figure.add_subplot(1, 2, column + 1)
        values = sorted({x for x, _ in points})
        means = [np.mean([y[LOSS] for x, y in points if x == value]) for value in values]
        axes.plot(values, means, color="tab:orange")
        axes.plot([x for x, _ in points], [y[LOSS] for _, y in points], "o", color="tab:orange", markersize=4)
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(values)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(title)
        axes.set_ylabel("validation loss")
        axes.grid(alpha=0.3)
    figure.suptitle(f"{task}: equal steps")
    write_figure(figure, path)
    print(f"Picture: {path}")


if __name__ == "__main__":
    sys.exit(main())
