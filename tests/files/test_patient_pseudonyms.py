"""Patients known from DICOM headers: grouped and split alike in every run, and in files by a keyed pseudonym alone."""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_dicom import stack

from learning_functions.generate.generation import Generated, cases_of_one_split, generate
from learning_functions.samples.store.sample_store import check_same_task, open_store
from learning_functions.training.planned_runs import planned
from tests.tiny import tiny_settings
from utility_functions.command_line import run_command
from utility_functions.files.annotations import write_lml
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.data_split import Fold, HeldOutFraction
from utility_functions.files.images import read_grid
from utility_functions.files.manifest import find_cases, split_held_out
from utility_functions.files.patient_pseudonyms import (
    KEY_FILE,
    PseudonymKey,
    comparable,
    name_in_memory,
    read_or_make_key,
    with_pseudonyms,
)
from utility_functions.files.scan_list import write_scan_list
from utility_functions.geometry.landmarks import Landmarks

PATIENTS = {"scan0": "P-1", "scan1": "P-2", "scan2": "P-3", "scan3": "P-2", "scan4": "P-4", "scan5": "P-1"}


@pytest.fixture
def scans(tmp_path: Path, write_series: Callable[..., list[Path]]) -> Path:
    """Six series of four patients, each with a landmark beside it."""
    folder = tmp_path / "scans"
    voxels = np.random.default_rng(0).integers(-1000, 1000, (20, 20, 20)).astype(np.int16)
    for number, (name, patient) in enumerate(PATIENTS.items()):
        tags = {"patient": patient, "series": f"1.2.{number}"}
        write_series(folder / name, voxels, stack(20, 4.0), spacing=(4.0, 4.0), **tags)
        grid = read_grid(folder / name)
        write_lml(Landmarks(("L1",), [grid.to_mm((10, 10, 10))]), folder / f"{name}.lml", grid)
    return folder


def cut(scans: Path, path: Path, part: str | None = None, key: Path | None = None) -> Generated:
    held_out = None if part is None else 0.4
    cases = cases_of_one_split(scans, None, held_out, part)
    return generate("detection", cases, path, tiny_settings("detection"), workers=1, patient_key=key)


def test_a_pseudonym_is_an_hmac_under_a_random_key_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    key = read_or_make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key.secret) == 32 and key.secret.hex() not in repr(key)
    assert read_or_make_key(path) == key, "it stays"
    assert read_or_make_key(tmp_path / "other.key") != key
    digest = hmac.new(key.secret, name_in_memory("P-1").encode(), hashlib.sha256).hexdigest()
    assert key.pseudonym(name_in_memory("P-1")) == f"patient-{key.name}-{digest[:12]}"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("content", ["", "abc", "00" * 31, "zz" * 32, "\xe4"])
def test_what_is_no_key_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BrokenFile, match="holds no key of patients' pseudonyms"):
        read_or_make_key(path)
    assert path.read_bytes() == content.encode("latin-1")


def test_a_key_that_others_may_read_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = read_or_make_key(tmp_path / KEY_FILE)
    (tmp_path / KEY_FILE).chmod(0o644)
    assert read_or_make_key(tmp_path / KEY_FILE) == key
    assert "others on this machine may read the key" in caplog.text


def test_two_runs_that_make_a_key_at_once_use_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process is first between the look for the file and the making of it."""
    path = tmp_path / KEY_FILE
    first = read_or_make_key(path)
    seen = iter([False])
    monkeypatch.setattr(Path, "exists", lambda self: next(seen, True))
    assert read_or_make_key(path) == first


def test_no_key_is_made_where_no_header_names_a_patient(tmp_path: Path) -> None:
    cases = [Case("a", Path("a.nii.gz"), "somebody")]
    assert with_pseudonyms(cases, tmp_path / KEY_FILE) == cases
    assert not (tmp_path / KEY_FILE).exists()


def test_samples_hold_pseudonyms_that_group_the_scans_of_a_patient(scans: Path, tmp_path: Path) -> None:
    cut(scans, tmp_path / "out" / "all.h5")
    store = open_store(tmp_path / "out" / "all.h5")
    called = dict(zip(store.case_ids, store.patients, strict=True))
    assert all(re.fullmatch(r"patient-[0-9a-f]{6}-[0-9a-f]{12}", patient) for patient in called.values())
    pairs = {(PATIENTS[name], patient) for name, patient in called.items()}
    assert len(pairs) == len(set(PATIENTS.values())) == len(set(called.values()))
    content = (tmp_path / "out" / "all.h5").read_bytes()
    secret = (tmp_path / "out" / KEY_FILE).read_text().strip()
    for patient in set(PATIENTS.values()):
        plain = hashlib.sha256(patient.encode()).hexdigest()[:12]
        assert patient.encode() not in content and plain.encode() not in content
    assert secret.encode() not in content and bytes.fromhex(secret) not in content


@pytest.mark.parametrize("between", ["the same key", "the key is lost", "another folder"])
def test_two_runs_split_a_data_set_alike_whatever_became_of_the_key(
    scans: Path, tmp_path: Path, between: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / "out" / "training.h5", tmp_path / "out" / "validation.h5"]
    if between == "another folder":
        paths[1] = tmp_path / "elsewhere" / "validation.h5"
    cut(scans, paths[0], "training")
    if between == "the key is lost":
        (tmp_path / "out" / KEY_FILE).unlink()
    cut(scans, paths[1], "validation")
    stores = [open_store(path) for path in paths]
    parts = [set(store.case_ids) for store in stores]
    assert parts[0] | parts[1] == set(PATIENTS) and not parts[0] & parts[1]
    assert not {PATIENTS[name] for name in parts[0]} & {PATIENTS[name] for name in parts[1]}
    expected = split_held_out(find_cases(scans), HeldOutFraction(0.4))
    assert parts == [{case.case_id for case in part} for part in expected]
    check_same_task(*stores)
    assert ("pseudonyms of different keys" in caplog.text) == (between != "the same key")


def test_one_key_for_two_folders_lets_a_shared_patient_be_seen(scans: Path, tmp_path: Path) -> None:
    key = tmp_path / "one.key"
    for name in ("a", "b"):
        cut(scans, tmp_path / name / "samples.h5", key=key)
        assert not (tmp_path / name / KEY_FILE).exists()
    with pytest.raises(ValueError, match="No patient may be in the samples to learn from and in those to validate on"):
        check_same_task(*(open_store(tmp_path / name / "samples.h5") for name in ("a", "b")))


def test_a_key_that_cannot_be_read_stops_the_run_before_any_scan_in_one_sentence(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from spine_levels.cli import spine_samples

    (tmp_path / KEY_FILE).mkdir()  # is a directory: also the owner of all files cannot read it
    code = run_command(
        spine_samples.parser(), spine_samples.run, ["detection", str(scans), str(tmp_path / "s.h5"), "--workers", "1"]
    )
    printed = capfd.readouterr().err.splitlines()
    assert (
        code == 2
        and printed[-1].startswith("error: ")
        and "the key of the patients' pseudonyms cannot be read" in printed[-1]
    )
    assert not (tmp_path / "s.h5").exists()


def test_the_scans_held_out_of_a_fold_are_listed_with_their_pseudonyms(scans: Path, tmp_path: Path) -> None:
    """No key is needed for it: the scans of the samples are grouped as those of the headers are."""
    cut(scans, tmp_path / "all.h5")
    (tmp_path / KEY_FILE).unlink()
    runs = planned((tmp_path / "all.h5", None, tmp_path / "m.h5"), [Fold(0, 2), Fold(1, 2)], scans)
    store = open_store(tmp_path / "all.h5")
    patients = dict(zip(store.case_ids, store.patients, strict=True))
    for run in runs:
        write_scan_list(run.held_out, run.scan_list, "validation")
        listed = find_cases(run.scan_list)
        assert {case.case_id: case.patient for case in listed} == {
            case.case_id: patients[case.case_id] for case in run.held_out
        }
    assert sum(len(run.held_out) for run in runs) == len(PATIENTS)


def test_samples_whose_scans_are_grouped_otherwise_are_of_another_data_set(
    scans: Path, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    cut(scans, tmp_path / "all.h5")
    voxels = np.zeros((20, 20, 20), np.int16)
    write_series(scans / "scan3", voxels, stack(20, 4.0), spacing=(4.0, 4.0), patient="P-9", series="1.2.3")
    with pytest.raises(ValueError, match="were cut from other scans; 1 of those are missing here, such as scan3"):
        planned((tmp_path / "all.h5", None, tmp_path / "m.h5"), [Fold(0, 2), Fold(1, 2)], scans)


def test_a_name_in_memory_is_neither_shown_nor_written(scans: Path, tmp_path: Path) -> None:
    cases = find_cases(scans)
    assert "dicom:" not in repr(cases)
    with pytest.raises(ValueError, match="needs a pseudonym") as refused:
        write_scan_list(cases, tmp_path / "list.csv")
    assert "dicom:" not in str(refused.value) and not (tmp_path / "list.csv").exists()


def test_a_patient_in_two_splits_is_told_by_the_scans(scans: Path, tmp_path: Path) -> None:
    rows = [f"{name},{'testing' if name == 'scan3' else 'training'},{scans / name}" for name in PATIENTS]
    (tmp_path / "manifest.csv").write_text("\n".join(["name,type,image_path", *rows]) + "\n")
    with pytest.raises(ValueError, match="Received: scan1 in training and scan3 in testing, of one patient"):
        cases_of_one_split(tmp_path, "training")


@pytest.mark.parametrize(
    ("some", "others", "expected"),
    [
        (["patient-aaaaaa-0123456789ab"], ["patient-aaaaaa-ba9876543210"], True),
        (["patient-aaaaaa-0123456789ab"], ["patient-bbbbbb-ba9876543210"], False),
        (["patient-aaaaaa-0123456789ab"], ["patient-ba9876543210"], False),  # as version 0.1.0 called them
        (["patient-0123456789ab"], ["patient-ba9876543210"], True),
        (["sub-verse004"], ["patient-aaaaaa-ba9876543210"], True),
        (["sub-verse004"], ["sub-verse005"], True),
    ],
)
def test_pseudonyms_of_different_keys_cannot_be_compared(some: list[str], others: list[str], expected: bool) -> None:
    assert comparable(some, others) is expected


def test_the_same_patient_has_other_names_under_other_keys() -> None:
    keys = [PseudonymKey(bytes([number]) * 32) for number in range(50)]
    assert len({key.pseudonym("dicom:x") for key in keys}) == len({key.name for key in keys}) == 50
