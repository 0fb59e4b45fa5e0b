"""Students with and without a teacher, on samples of phantoms.

python -m experiments distillation_table --task detection

A student has half the filters of its teacher, and so about a quarter of its weights. For each seed three networks are
trained on the same samples, in the same order, for the same number of steps: a teacher, a student alone, and a student
of that teacher. --teacher names one teacher for all seeds, trained before. The table gives the figures of each
network's best epoch on other phantoms. The figures of a student are those of the task, with or without a teacher. With
--folder an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.model_files.model_file import read_card
from learning_functions.task import Settings, load_task, settings_of, task_names
from learning_functions.training.teacher import ALPHA, TEMPERATURE, Teacher

TRAINING_SEED, VALIDATION_SEED = 9001, 9002
"""Seeds of the training phantoms and of the validation phantoms."""


@dataclass(frozen=True)
class Row:
    """The validation figures of one network's best epoch, by name; seed: None where it was trained before."""

    name: str
    seed: int | None
    weights: int
    figures: dict[str, float]


def table(rows: Sequence[Row]) -> str:
    """A Markdown table of all rows, with the mean of each kind of network over the seeds."""
    figures = list(rows[0].figures)
    lines = [["network", "weights", "seed", *figures], ["---"] * (3 + len(figures))]
    for name in dict.fromkeys(row.name for row in rows):
        same = [row for row in rows if row.name == name]
        means = {figure: sum(row.figures[figure] for row in same) / len(same) for figure in figures}
        shown = [(str(row.seed), row.figures) for row in same if row.seed is not None] + [("mean", means)]
        lines += [
            [name, f"{same[0].weights:,}", seed, *(f"{values[figure]:.4f}" for figure in figures)]
            for seed, values in shown
        ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_samples(task: str, settings: Settings, phantoms: int, folder: Path) -> tuple[Path, Path]:
    """Training samples of so many phantoms, and validation samples of a quarter as many. Existing files are reused."""
    requested = (phantoms, TRAINING_SEED), (max(phantoms // 4, 1), VALIDATION_SEED)
    kind = f"{task}_{settings.preset}_{settings.samples_per_scan}"
    paths = [folder / f"{kind}_{count}_{seed}.h5" for count, seed in requested]
    for path, (count, seed) in zip(paths, requested, strict=True):
        if not path.exists():
            cases = cases_of_one_split(Path(f"phantom:{count}"), None, phantom_seed=seed)
            generate(task, cases, path, settings)
    return paths[0], paths[1]


def trained(
    name: str, samples: tuple[Path, Path], folder: Path, settings: Settings, seed: int, teacher: Teacher | None
) -> Row:
    """Trains one network, or resumes its training."""
    from learning_functions.model_files.model_file import load_model
    from learning_functions.training.fit import train
    from learning_functions.training.training_choices import Training

    path = folder / f"{name.replace(' ', '_')}_{seed}.h5"
    progress = train(*samples, path, lambda _: settings, Training(seed=seed, resume=True, teacher=teacher))
    best = progress.history[progress.best_epoch - 1]
    figures = {figure: value for figure, value in sorted(best.items()) if figure.startswith("val_")}
    row = Row(name, seed, load_model(path)[0].count_params(), figures)
    print(f"{name}, seed {seed}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures.items()), flush=True)
    return row


def evaluated(path: Path, samples: tuple[Path, Path], settings: Settings) -> Row:
    """Evaluates a model trained before on the validation samples. Raises: ValueError where it does not fit them."""
    from learning_functions.model_files.model_file import load_model
    from learning_functions.samples.store.batches import epoch_batches
    from learning_functions.samples.store.sample_store import open_store

    held_out = open_store(samples[1])
    Teacher(path).require_fit(held_out, samples[0])
    task = load_task(held_out.task)
    objective, network = task.objective(settings), load_model(path)[0]
    network.compile(loss=objective.loss, metrics=objective.metrics)
    arrange = partial(task.arrange, settings=settings)
    batches = epoch_batches(held_out, epoch=0, batch=settings.batch, seed=0, shuffle=False, arrange=arrange)
    figures = network.evaluate(batches, verbose=0, return_dict=True)
    return Row("teacher", None, network.count_params(), {f"val_{name}": figures[name] for name in sorted(figures)})


def compare(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    settings = settings_of(load_task(arguments.task), arguments.preset)
    changes = {"filters": arguments.filters, "epochs": arguments.epochs, "samples_per_scan": arguments.samples_per_scan}
    settings = settings.changed(**changes)
    if settings.filters < 2:
        raise ValueError(f"A teacher needs at least 2 filters: its student has half. Received: {settings.filters}.")
    if arguments.teacher:
        read_card(arguments.teacher)  # fails before samples are made
    samples = write_samples(arguments.task, settings, arguments.phantoms, folder)
    half = settings.changed(filters=settings.filters // 2)
    rows = [evaluated(arguments.teacher, samples, settings)] if arguments.teacher else []
    for seed in arguments.seeds:
        if not arguments.teacher:
            rows.append(trained("teacher", samples, folder, settings, seed, None))
        teacher = Teacher(arguments.teacher or folder / f"teacher_{seed}.h5", arguments.temperature, arguments.alpha)
        rows.append(trained("student alone", samples, folder, half, seed, None))
        rows.append(trained("student taught", samples, folder, half, seed, teacher))
    return rows


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m experiments distillation_table", description=__doc__)
    options.add_argument("--task", choices=task_names(), default="detection")
    options.add_argument("--preset", default="small", help="default: small")
    options.add_argument(
        "--phantoms", type=int, default=80, help="for training (default: 80); a quarter as many validate"
    )
    options.add_argument("--samples-per-scan", type=int, help="default: as the preset says")
    options.add_argument("--epochs", type=int, help="default: as the preset says")
    options.add_argument("--filters", type=int, help="of the teacher (default: as the preset says)")
    options.add_argument("--teacher", type=Path, help="a trained model (default: one is trained for each seed)")
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: 1 2 3")
    options.add_argument("--temperature", type=float, default=TEMPERATURE, help=f"default: {TEMPERATURE:g}")
    options.add_argument("--alpha", type=float, default=ALPHA, help=f"default: {ALPHA:g}")
    options.add_argument("--folder", type=Path, help="keeps samples and models, so that a run resumes")
    return options


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    with tempfile.TemporaryDirectory() as own:
        try:
            rows = compare(arguments, arguments.folder or Path(own))
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
