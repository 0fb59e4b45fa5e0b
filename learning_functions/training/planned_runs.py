"""The trainings that one call of train.py asks for, one or a fold after another, planned before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.training.training_inputs import check_inputs
from learning_functions.training.warm_start.initial_model import InitialModel
from utility_functions.files.cases import Case
from utility_functions.files.data_split import Fold
from utility_functions.files.manifest import find_cases
from utility_functions.files.scan_list import require_listable


@dataclass(frozen=True)
class PlannedRun:
    """One training: samples to learn from, those or the fold to validate on, and the model to write.

    counts: patients, scans and samples that are validated on. held_out: their scans, where they are to be listed.
    """

    training: Path
    validate_on: Path | Fold
    model: Path
    counts: dict[str, int]
    held_out: tuple[Case, ...] = ()

    @property
    def fold(self) -> Fold | None:
        """The fold that is held out, if the patients of one file are parted."""
        return self.validate_on if isinstance(self.validate_on, Fold) else None

    @property
    def scan_list(self) -> Path:
        """Where the held-out scans are listed."""
        return self.model.with_name(f"{self.model.stem}_scans.csv")


def planned(
    paths: tuple[Path, Path | None, Path],
    folds: Sequence[Fold] = (),
    scans: Path | None = None,
    augment: str | None = None,
    given: Sequence[InitialModel | None] = (),
) -> list[PlannedRun]:
    """The trainings of a call, all of them checked as check_inputs() does.

    paths: samples to learn from, samples to validate on, and the model; with ``folds``, which part the first ones, no
    second, and each fold's number is added to the model's name. scans: the data set that they were cut from, of which
    the held-out scans are to be listed.
    Raises: ValueError or OSError, in one sentence, where any of them cannot begin.
    """
    training, validation, model = paths
    if not folds:
        if validation is None:
            raise ValueError(
                "A second sample file is needed to validate on, or --folds to part the first one's patients. "
                f"Received: {training} and {model}."
            )
        if scans is not None:
            raise ValueError(f"Held-out --scans are listed for --folds, and none are asked for. Received: {scans}.")
        return [_checked(training, validation, model, augment, given)]
    if validation is not None:
        raise ValueError(f"With --folds one sample file is parted, and no second is taken. Received: {validation}.")
    if len(folds) > 1:
        from learning_functions.training.fold_summary import require_place  # loads matplotlib

        require_place(model)
    cases = None if scans is None else find_cases(scans, phantom_seed=open_store(training).seed)
    return [_checked(training, fold, of_fold(model, fold), augment, given, cases) for fold in folds]


def of_fold(model: Path, fold: Fold) -> Path:
    """Where the model of a fold lies."""
    return model.with_name(f"{model.stem}_fold{fold.number}{model.suffix}")


def _checked(
    training: Path,
    validate_on: Path | Fold,
    model: Path,
    augment: str | None,
    given: Sequence[InitialModel | None],
    cases: Sequence[Case] | None = None,
) -> PlannedRun:
    _, validation = check_inputs(training, validate_on, model, augment, given)
    counts = {
        "patients": len(set(validation.patients)),
        "scans": len(validation.case_ids),
        "samples": validation.count,
    }
    run = PlannedRun(training, validate_on, model, counts, () if cases is None else _cases_of(validation, cases))
    if run.held_out:
        require_listable(run.held_out, run.scan_list)
    return run


def _cases_of(store: SampleStore, cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases that samples were cut from; ValueError unless all are there, of the same patients."""
    known = {case.case_id: case for case in cases}
    whose = dict(zip(store.case_ids, store.patients, strict=True))
    strange = [name for name, patient in whose.items() if name not in known or known[name].patient != patient]
    if strange:
        raise ValueError(
            f"The samples in {store.path} were cut from other scans than these; {len(strange)} are not among them, as "
            f"{strange[0]}. Received: {len(cases)} scans."
        )
    return tuple(known[name] for name in store.case_ids)
