"""Students with and without a teacher, on samples of phantoms.

python -m experiments distillation_table --task detection

A student has half the filters of its teacher, so about a quarter of its weights. For each seed a teacher, a student
alone and a student of that teacher are trained on the same samples, in the same order, for as many steps; --teacher
names one that was trained before, for all seeds. The table tells the figures of each one's best epoch on other
phantoms; those of students are the task's own, teacher or none. With --folder a run that was stopped goes on where it
stood.
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
"""What the phantoms to learn from and to be judged by come from."""


@dataclass(frozen=True)
class Row:
    """One network's best epoch: its figures on the validation samples by name; no seed where it was trained before."""

    name: str
    seed: int | None
    weights: int
    figures: dict[str, float]


def table(rows: Sequence[Row]) -> str:
    """All rows, and the mean of each kind of network over the seeds, as Markdown."""
    figures = list(rows[0].figures)
    lines = [["network", "weights", "seed", *figures], ["---"] * (3 + len(figures))]
    for name in dict.fromkeys(row.name for row in rows):
        its = [row for row in rows if row.name == name]
        means = {figure: sum(row.figures[figure] for row in its) / len(its) for figure in figures}
        told = [(str(row.seed), row.figures) for row in its if row.seed is not None] + [("mean", means)]
        lines += [
            [name, f"{its[0].weights:,}", seed, *(f"{of[figure]:.4f}" for figure in figures)] for seed, of in told
        ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_samples(task: str, settings: Settings, phantoms: int, folder: Path) -> tuple[Path, Path]:
    """Samples of that many phantoms to learn from and a quarter as many to be judged by; left alone where there."""
    asked = (phantoms, TRAINING_SEED), (max(phantoms // 4, 1), VALIDATION_SEED)
    kind = f"{task}_{settings.preset}_{settings.samples_per_scan}"
    paths = [folder / f"{kind}_{count}_{seed}.h5" for count, seed in asked]
    for path, (count, seed) in zip(paths, asked, strict=True):
        if not path.exists():
            cases = cases_of_one_split(Path(f"phantom:{count}"), None, phantom_seed=seed)
            generate(task, cases, path, settings)
    return paths[0], paths[1]


def trained(
    name: str, samples: tuple[Path, Path], folder: Path, settings: Settings, seed: int, how: Teacher | None
) -> Row:
    """One network trained from the start, or gone on with."""
    from learning_functions.model_files.model_file import load_model
    from learning_functions.training.fit import train
    from learning_functions.training.training_choices import Training

    path = folder / f"{name.replace(' ', '_')}_{seed}.h5"
    progress = train(*samples, path, lambda _: settings, Training(seed=seed, resume=True, teacher=how))
    best = progress.history[progress.best_epoch - 1]
    figures = {figure: value for figure, value in sorted(best.items()) if figure.startswith("val_")}
    row = Row(name, seed, load_model(path)[0].count_params(), figures)
    print(f"{name}, seed {seed}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures.items()), flush=True)
    return row


def judged(path: Path, samples: tuple[Path, Path], settings: Settings) -> Row:
    """A model trained before, by the samples that students are judged by; ValueError where it is of another kind."""
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
    wanted = {"filters": arguments.filters, "epochs": arguments.epochs, "samples_per_scan": arguments.samples_per_scan}
    settings = settings.changed(**wanted)
    if settings.filters < 2:
        raise ValueError(f"A teacher has at least 2 filters, to be halved. Received: {settings.filters}.")
    if arguments.teacher:
        read_card(arguments.teacher)  # before minutes go into samples for it
    samples = write_samples(arguments.task, settings, arguments.phantoms, folder)
    half = settings.changed(filters=settings.filters // 2)
    rows = [judged(arguments.teacher, samples, settings)] if arguments.teacher else []
    for seed in arguments.seeds:
        if not arguments.teacher:
            rows.append(trained("teacher", samples, folder, settings, seed, None))
        how = Teacher(arguments.teacher or folder / f"teacher_{seed}.h5", arguments.temperature, arguments.alpha)
        rows.append(trained("student alone", samples, folder, half, seed, None))
        rows.append(trained("student taught", samples, folder, half, seed, how))
    return rows


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m experiments distillation_table", description=__doc__)
    options.add_argument("--task", choices=task_names(), default="detection")
    options.add_argument("--preset", default="small", help="default: small")
    options.add_argument("--phantoms", type=int, default=80, help="to learn from (default: 80); a quarter judge")
    options.add_argument("--samples-per-scan", type=int, help="default: as the preset says")
    options.add_argument("--epochs", type=int, help="default: as the preset says")
    options.add_argument("--filters", type=int, help="of the teacher (default: as the preset says)")
    options.add_argument("--teacher", type=Path, help="a model trained before (default: one is trained for each seed)")
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: 1 2 3")
    options.add_argument("--temperature", type=float, default=TEMPERATURE, help=f"default: {TEMPERATURE:g}")
    options.add_argument("--alpha", type=float, default=ALPHA, help=f"default: {ALPHA:g}")
    options.add_argument("--folder", type=Path, help="keeps samples and models there, to go on with")
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
