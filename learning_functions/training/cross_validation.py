"""The training runs of one call, on whatever workers there are, and the summary of all folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from learning_functions.runtime.own_process import in_own_process
from learning_functions.runtime.workers import THIS_PROCESS, WorkerLost, Workers
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.fold_summary import Row, fold_row, write_summary
from learning_functions.training.planned_runs import PlannedRun
from learning_functions.training.training_work import TrainingWork, trained_run
from utility_functions.command_line import one_line
from utility_functions.files.scan_list import write_scan_list
from utility_functions.stage_seconds import tell_seconds


def train_all(
    runs: Sequence[PlannedRun],
    work: TrainingWork,
    show: Callable[[str], None],
    model: Path,
    workers: Workers = THIS_PROCESS,
) -> None:
    """Train all planned runs. ``show`` receives a line for each, in their order, and the table of all folds at the end.

    model: the path that the user named; the summary of several folds is written beside it. workers: where the runs are
    trained; each run of workers elsewhere has a process of its own there, since it depends on the state of a process.
    Raises: OSError at the end where every worker that tried a run has ended; the other runs are finished.
    """
    train = partial(in_own_process, trained_run) if workers.elsewhere else trained_run
    calls = ((work, run, Checkpoints(run.model).fingerprint()) for run in runs)
    reads = [runs[0].training, *work.reads]
    rows, lost = [], []
    with (
        workers.pool(len(runs), reads, model.parent) as pool,
        closing(pool.in_order(train, calls)) as ended,
        tqdm(ended, total=len(runs), desc="folds", unit="fold", disable=not workers.elsewhere) as bar,
    ):
        for run, answer in zip(runs, bar, strict=True):
            try:
                progress = answer.result()
            except WorkerLost as error:
                lost.append(f"{run.model.name} was not trained: {one_line(error)}")
                continue
            with tqdm.external_write_mode():
                rows.append(_finished(run, progress, show))
    if lost:
        raise OSError(f"{' '.join(lost)} The same line with --resume goes on.")
    if len(runs) > 1 and (fold := runs[0].fold) is not None:
        entries = {"samples": runs[0].training.name, "folds": fold.folds, "hold_out_seed": fold.seed}
        show(write_summary(model, rows, {**entries, "models": [run.model.name for run in runs]}))


def _finished(run: PlannedRun, progress: Progress, show: Callable[[str], None]) -> Row:
    """The row of a finished run; its line is shown, and its held-out scans are listed."""
    if run.held_out:
        write_scan_list(run.held_out, run.scan_list, "validation")
    log = progress.history[progress.best_epoch - 1]
    tell_seconds({"epochs": sum(row["seconds"] for row in progress.history)}, "run")
    best = "no figure" if progress.best is None else f"{progress.best:.4f}"
    show(f"Best of {progress.epochs} epochs: {progress.best_epoch} ({best}). Model: {run.model}")
    return {} if run.fold is None else fold_row(run.fold, run.counts, progress.best_epoch, log)
