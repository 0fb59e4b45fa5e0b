"""Patients split into folds, and one requested part of a data set."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import lay_out

from utility_functions.files.cases import Case
from utility_functions.files.data_split import Fold, HeldOutFraction, requested_folds, requested_hold_out
from utility_functions.files.manifest import find_cases, folders_of_many, one_part, split_by_patient, split_held_out

PATIENTS = [f"p{number}" for number in range(10)]


@given(st.integers(2, 7), st.integers(0, 30), st.integers(0, 99))
def test_every_patient_is_in_one_fold_and_folds_are_alike_in_size(folds: int, more: int, seed: int) -> None:
    patients = [f"p{number}" for number in range(folds + more)]
    dealt = [Fold(number, folds, seed).held_out(patients) for number in range(folds)]
    assert sorted(patient for fold in dealt for patient in fold) == sorted(patients)
    sizes = [len(fold) for fold in dealt]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1


@given(st.integers(0, 99))
def test_folds_depend_on_who_the_patients_are_and_on_the_seed_alone(seed: int) -> None:
    often = random.Random(seed).sample(PATIENTS * 3, 30)
    assert Fold(1, 3, seed).held_out(often) == Fold(1, 3, seed).held_out(PATIENTS)


def test_another_seed_gives_other_folds() -> None:
    assert len({Fold(0, 5, seed).held_out(PATIENTS) for seed in range(9)}) > 3


def test_the_first_of_five_folds_equals_a_held_out_fifth() -> None:
    cases = [Case(patient, Path("a")) for patient in PATIENTS]
    assert split_held_out(cases, Fold(0, 5, 4)) == split_by_patient(cases, 0.2, 4)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 1), "at least two --folds. Received: 1"),
        ((0, -3), "at least two"),
        ((5, 5), "from 0 to 4. Received: 5"),
        ((-1, 5), "from 0 to 4"),
        ((0, 11), "11 folds need scans of at least 11 patients. Received: 10 patients"),
        ((0, 2, -1), "zero or above"),
    ],
)
def test_invalid_folds_are_refused(numbers: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fold(*numbers).held_out(PATIENTS)


def test_folds_are_requested_one_by_one_or_all_together() -> None:
    assert requested_folds(3, None, None) == [Fold(0, 3), Fold(1, 3), Fold(2, 3)]
    assert requested_folds(3, 2, 7) == [Fold(2, 3, 7)]
    assert requested_folds(None, None, None) == []
    for requested, words in (
        ((None, 1, None), "one of --folds"),
        ((None, None, 7), "nobody is"),
        ((0, None, None), "two"),
    ):
        with pytest.raises(ValueError, match=words):
            requested_folds(*requested)


def test_only_one_kind_of_hold_out_is_allowed() -> None:
    assert requested_hold_out(0.2, None, None, None) == HeldOutFraction(0.2)
    assert requested_hold_out(None, 5, 0, 3) == Fold(0, 5, 3)
    assert requested_hold_out(None, None, None, None) is None
    for requested, words in (
        ((0.2, 5, 0, None), "not by both"),
        ((0.2, None, 0, None), "not by both"),
        ((None, 5, None, None), "One --fold of --folds 5"),
    ):
        with pytest.raises(ValueError, match=words):
            requested_hold_out(*requested)


def test_a_part_needs_a_hold_out() -> None:
    cases = [Case(patient, Path("a")) for patient in PATIENTS]
    training, validation = (one_part(cases, Fold(1, 5), part) for part in ("training", "validation"))
    assert (len(training), len(validation)) == (8, 2)
    assert {case.split for case in training} == {"training"} and {case.split for case in validation} == {"validation"}
    assert one_part(cases, None, None) == cases
    for held_out, part in ((Fold(1, 5), None), (None, "training"), (Fold(1, 5), "testing")):
        with pytest.raises(ValueError, match="and the wanted part"):
            one_part(cases, held_out, part)


def test_scans_in_one_folder_beside_others_may_be_of_one_patient(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lay_out(
        tmp_path, "p1/pre.nii.gz", "p1/post.nii.gz", "p2/pre.nii.gz", "p3/sub-3_ct.nii.gz", "p3/sub-3_dir-ax_ct.nii.gz"
    )
    cases = find_cases(tmp_path)
    assert folders_of_many(cases) == [tmp_path / "p1"]
    one_part(cases, Fold(0, 2), "training")
    assert "p1: holds several scans of unknown patients" in caplog.text
    lay_out(tmp_path / "flat", "a.nii.gz", "b.nii.gz", "c.nii.gz")
    assert folders_of_many(find_cases(tmp_path / "flat")) == [], "a folder of all scans is the usual thing"
