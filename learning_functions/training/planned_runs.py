"""The training runs that one call of train.py requests, one or one per fold, planned before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.training.training_inputs import check_inputs
from learning_functions.training.warm_start.initial_model import InitialModel
from utility_functions.files.cases import Case
from utility_functions.files.data_split import Fold
from utility_functions.files.manifest import find_cases
from utility_functions.files.patient_pseudonyms import is_name_in_memory
from utility_functions.files.scan_list import require_listable


@dataclass(frozen=True)
class PlannedRun:
    """One training run: its training samples, its validation samples or fold, and the model to write.

    counts: patients, scans and samples of the validation. held_out: its scans, where they are to be listed.
    """

    training: Path
    validate_on: Path | Fold
    model: Path
    counts: dict[str, int]
    held_out: tuple[Case, ...] = ()

    @property
    def fold(self) -> Fold | None:
        """The fold that is held out, if the patients of one file are split."""
        return self.validate_on if isinstance(self.validate_on, Fold) else None

    @property
    def scan_list(self) -> Path:
        """The CSV that lists the held-out scans."""
        return self.model.with_name(f"{self.model.stem}_scans.csv")


def planned(
    paths: tuple[Path, Path | None, Path],
    folds: Sequence[Fold] = (),
    scans: Path | None = None,
    augment: str | None = None,
    given: Sequence[InitialModel | None] = (),
) -> list[PlannedRun]:
    """The training runs of a call, all checked by check_inputs().

    paths: training samples, validation samples, and the model. ``folds`` split the patients of the training samples;
    then there are no validation samples, and each model's name ends in its fold. scans: the data set that the samples
    were cut from; its held-out scans are listed.
    Raises: ValueError or OSError, in one sentence, where a run cannot begin.
    """
    training, validation, model = paths
    if not folds:
        if validation is None:
            raise ValueError(
                "Training needs a second sample file for validation, or --folds to split the patients of the first. "
                f"Received: {training} and {model}."
            )
        if scans is not None:
            raise ValueError(f"--scans lists the held-out scans of --folds, which is missing. Received: {scans}.")
        return [_checked(training, validation, model, augment, given)]
    if validation is not None:
        raise ValueError(f"--folds splits one sample file; leave out the second one. Received: {validation}.")
    if len(folds) > 1:
        from learning_functions.training.fold_summary import require_place  # loads matplotlib

        require_place(model)
    cases = None if scans is None else find_cases(scans, phantom_seed=open_store(training).seed)
    return [_checked(training, fold, of_fold(model, fold), augment, given, cases) for fold in folds]


def of_fold(model: Path, fold: Fold) -> Path:
    """The path of a fold's model."""
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
    """The cases that samples were cut from, with the patients of the samples.

    Patients known from DICOM headers alone have pseudonyms in the samples; their scans must be grouped alike.
    Raises: ValueError unless all are there, with the same patients.
    """
    known = {case.case_id: case for case in cases}
    patients = dict(zip(store.case_ids, store.patients, strict=True))
    called: dict[str, str] = {}
    for name, patient in patients.items():
        if name in known and is_name_in_memory(known[name].patient) and patient not in called.values():
            called.setdefault(known[name].patient, patient)
    missing = [
        name
        for name, patient in patients.items()
        if name not in known or called.get(known[name].patient, known[name].patient) != patient
    ]
    if missing:
        raise ValueError(
            f"The samples in {store.path} were cut from other scans; {len(missing)} of those are missing here, such as "
            f"{missing[0]}. Received: {len(cases)} scans."
        )
    return tuple(replace(known[name], patient=patients[name]) for name in store.case_ids)
