"""What more phantoms, filters or room bring a task.

python -m experiments learning_curves TASK [--phantoms 60 240 960]

Every training takes the same number of steps and is judged on the same phantoms, which none was trained on; only one
thing differs from the fullest: fewer phantoms (each then seen more often), other filters, or another spacing, by which
a patch of as many voxels shows more of the body; it is then judged on voxels of that size. Samples and finished
trainings in --folder are kept and used again, so that an interrupted run goes on. A figure hangs on the luck of a
training too: differences of a few per cent tell nothing unless several --seeds agree.
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
SHOWN_LOSS = "val_loss"


@dataclass(frozen=True)
class Trial:
    """One training: so many phantoms and filters, weights drawn by ``seed``; spacing_mm: None is the preset's."""

    phantoms: int
    filters: int
    seed: int
    spacing_mm: float | None = None


def trials(
    phantoms: Sequence[int], filters: Sequence[int], seeds: Sequence[int], spacings: Sequence[float] = ()
) -> list[Trial]:
    """Every number of phantoms with the first number of filters; with the most phantoms, too, the other filters, and
    the first filters at each spacing beside the preset's.
    """
    most = max(phantoms)
    kinds: list[tuple[int, int, float | None]] = [(count, filters[0], None) for count in sorted(phantoms)]
    kinds += [(most, width, None) for width in filters[1:]] + [(most, filters[0], spacing) for spacing in spacings]
    return [Trial(count, width, seed, spacing) for count, width, spacing in kinds for seed in seeds]


def epochs_for(steps: int, samples: int, batch: int) -> int:
    """Epochs that come to so many steps, at least one."""
    return max(1, round(steps / -(-samples // batch)))


def can_be_equal(steps: int, samples: int, batch: int) -> bool:
    """Whether whole epochs of so many samples come near enough to the steps."""
    one = -(-samples // batch)
    return abs(epochs_for(steps, samples, batch) * one - steps) <= steps / 4


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments learning_curves", description=__doc__)
    parser.add_argument("task", choices=task_names())
    parser.add_argument("--preset", default="shipped")
    parser.add_argument("--phantoms", type=int, nargs="+", default=[60, 240, 960])
    parser.add_argument("--validation", type=int, default=60, help="phantoms to judge by")
    parser.add_argument("--filters", type=int, nargs="+", help="the first also for fewer phantoms (default: preset's)")
    told = "voxel sizes in mm beside the preset's, with the most phantoms"
    parser.add_argument("--spacings", type=float, nargs="+", default=[], metavar="MM", help=told)
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
            f"{arguments.steps} would not be equally long. Ask for more --steps or fewer --phantoms."
        )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found: dict[Trial, dict[str, float]] = {}
    for trial in trials(arguments.phantoms, filters, arguments.seeds, arguments.spacings):
        held_out = _samples(arguments, arguments.validation, VALIDATION_SEED, trial.spacing_mm)
        found[trial] = _trained(arguments, trial, settings, held_out)
        _print(found)
    _draw(found, arguments.folder / f"{arguments.task}_{arguments.preset}.png", arguments.task)
    return 0


def _samples(arguments: argparse.Namespace, phantoms: int, seed: int, spacing_mm: float | None) -> Path:
    path = arguments.folder / f"{arguments.task}_{arguments.preset}_{phantoms}_{seed}{_at(spacing_mm)}.h5"
    if not path.exists():
        options = ("--preset", arguments.preset, "--seed", str(seed), "--compression", "lzf")
        options += () if spacing_mm is None else ("--spacing", f"{spacing_mm:g}")
        run_script("generate_samples.py", arguments.task, f"phantom:{phantoms}", str(path), *options)
    return path


def _at(spacing_mm: float | None) -> str:
    return "" if spacing_mm is None else f"_{spacing_mm:g}mm"


def _trained(arguments: argparse.Namespace, trial: Trial, settings: Settings, held_out: Path) -> dict[str, float]:
    """The validation figures of the epoch that is best by loss, by name."""
    training = _samples(arguments, trial.phantoms, TRAINING_SEED, trial.spacing_mm)
    epochs = epochs_for(arguments.steps, open_store(training).count, settings.batch)
    name = f"{arguments.task}_{arguments.preset}_{trial.phantoms}_{trial.filters}_{trial.seed}_{arguments.steps}"
    name += _at(trial.spacing_mm)
    model = arguments.folder / f"{name}.h5"
    if not model.exists():
        options = {"epochs": epochs, "filters": trial.filters, "seed": trial.seed}
        given = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        run_script("train.py", str(training), str(held_out), str(model), *given, "--resume")
    log = read_log(model.with_suffix(".training") / "log.csv")
    best = int(np.nanargmin(log[SHOWN_LOSS]))
    return {name: values[best] for name, values in log.items() if name.startswith(VALIDATION)} | {
        "epochs": float(epochs)
    }


def _print(found: dict[Trial, dict[str, float]]) -> None:
    names = [name for name in next(iter(found.values())) if name != "epochs"]
    header = ("phantoms", "epochs", "filters", "seed", "mm", *(name.removeprefix(VALIDATION) for name in names))
    rows = [
        (
            *(str(number) for number in (trial.phantoms, round(figures["epochs"]), trial.filters, trial.seed)),
            "preset" if trial.spacing_mm is None else f"{trial.spacing_mm:g}",
            *(f"{figures[name]:.3f}" for name in names),
        )
        for trial, figures in found.items()
    ]
    print(text_table(pd.DataFrame(rows, columns=header), left=0), flush=True)


def _draw(found: dict[Trial, dict[str, float]], path: Path, task: str) -> None:
    """Validation loss over phantoms, and over filters, every seed a dot."""
    most = max(trial.phantoms for trial in found)
    usual = next(iter(found)).filters
    preset = [trial for trial in found if trial.spacing_mm is None]
    figure = Figure(figsize=(8, 3.2), layout="constrained", facecolor="white")
    shown = (
        ("phantoms", [(trial.phantoms, found[trial]) for trial in preset if trial.filters == usual]),
        ("filters", [(trial.filters, found[trial]) for trial in preset if trial.phantoms == most]),
    )
    for place, (title, points) in enumerate(shown):
        axes = figure.add_subplot(1, 2, place + 1)
        places = sorted({x for x, _ in points})
        axes.plot(places, [np.mean([y[SHOWN_LOSS] for x, y in points if x == at]) for at in places], color="tab:orange")
        axes.plot([x for x, _ in points], [y[SHOWN_LOSS] for _, y in points], "o", color="tab:orange", markersize=4)
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(places)
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
