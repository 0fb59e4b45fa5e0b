"""Phantoms requested by a text: their patients, their spacing, and invalid texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases, split_by_patient
from utility_functions.phantom import scanner
from utility_functions.phantom.phantom_request import PhantomRequest, requested_phantoms
from utility_functions.phantom.scanner import make_phantom


@pytest.mark.parametrize(
    ("words", "seed", "names"),
    [
        ("phantom:2", 5, ["phantom-5-000000", "phantom-5-000001"]),
        ("phantom:1:lumbar", 0, ["phantom-0-000000-lumbar"]),
        ("phantom:1:seed=7", 5, ["phantom-7-000000"]),
        ("phantom:1:seed=7:whole", 5, ["phantom-7-000000-whole"]),
        ("phantom:2:from=3", 5, ["phantom-5-000003", "phantom-5-000004"]),
    ],
)
def test_a_text_requests_phantoms(words: str, seed: int, names: list[str]) -> None:
    assert [each.name for each in requested_phantoms(words, seed)] == names


@pytest.mark.parametrize(
    "words",
    [
        "phantom:", "phantom:0", "phantom:-3", "phantom:x", "phantom:1.5", "phantom:99999999999", "phantom:2:",
        "phantom:2:tail", "phantom:2:seed=", "phantom:2:seed=-1", "phantom:2:seed=x", "phantom::lumbar", "2",
        "phantom:2:from=", "phantom:2:from=-1", "phantom:2:from=1.5", "phantom:2:from=99999999999",
    ],
)  # fmt: skip
def test_other_texts_are_refused_in_one_sentence(words: str) -> None:
    with pytest.raises(ValueError, match="Received") as caught:
        requested_phantoms(words, 1)
    assert "\n" not in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize("words", ["phantom:4:any", "phantom:4:lumbar:mr-t1:seed=3"])
def test_a_phantom_is_requested_alone_by_its_text(words: str) -> None:
    for each in requested_phantoms(words, 8):
        assert requested_phantoms(each.words, 1) == [each]


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or above"):
        requested_phantoms("phantom:1", -1)


def test_other_seeds_share_no_patients_and_another_region_is_the_same_patient() -> None:
    cases = {words: find_cases(Path(words), phantom_seed=3) for words in ("phantom:9", "phantom:9:seed=4")}
    patients = [{case.patient for case in found} for found in cases.values()]
    assert [len(found) for found in patients] == [9, 9] and not patients[0] & patients[1]
    lumbar = find_cases(Path("phantom:9:lumbar"), phantom_seed=3)
    assert [case.patient for case in lumbar] == [case.patient for case in cases["phantom:9"]]
    assert not {case.case_id for case in lumbar} & {case.case_id for case in cases["phantom:9"]}


def test_phantoms_can_be_held_out_by_patient() -> None:
    kept, held_out = split_by_patient(find_cases(Path("phantom:10")), 0.2, seed=1)
    assert (len(kept), len(held_out)) == (8, 2)


def test_an_existing_file_of_that_name_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("phantom:2").mkdir()
    Path("phantom:2/scan.nii.gz").write_text("")
    assert [case.phantom for case in find_cases(Path("phantom:2"))] == [None]


@pytest.mark.parametrize(
    ("axcodes", "spacing_mm", "painted_at"),
    [("RAS", (4, 5, 6), (4, 5, 6)), ("SRA", (6, 4, 5), (4, 5, 6)), ("PIL", (5, 6, 4), (4, 5, 6))],
)
def test_the_spacing_is_that_of_the_requested_axes(
    monkeypatch: pytest.MonkeyPatch, axcodes: str, spacing_mm: tuple[float, ...], painted_at: tuple[float, ...]
) -> None:
    given: list[object] = []
    monkeypatch.setattr(scanner, "make_phantom", lambda *arguments: given.extend(arguments[3:]))
    PhantomRequest(1, 2).painted(spacing_mm, axcodes)
    assert (tuple(np.asarray(given[0])), given[1]) == (painted_at, axcodes)


def test_a_painted_case_is_a_scan_with_all_that_is_known_of_it() -> None:
    (case,) = find_cases(Path("phantom:1:cervical"))
    scan = load_scan(case, tissues=True, spacing_mm=(4, 5, 6), axcodes="PIR")
    assert scan.volume.grid.axcodes == "PIR" and np.allclose(scan.volume.grid.spacing_mm, (4, 5, 6))
    assert scan.landmarks is not None and scan.label_map is not None and scan.tissues is not None
    bare = load_scan(case, annotations=False, spacing_mm=(4, 5, 6), axcodes="PIR")
    assert bare.landmarks is None and bare.label_map is None and bare.tissues is None
    assert np.array_equal(bare.volume.voxels, scan.volume.voxels)


def test_no_phantom_of_a_data_set_on_disk_is_among_them() -> None:
    """write_phantoms samples its patients from SeedSequence(seed).spawn(n); names alone could not distinguish them."""
    of_disk = make_phantom(np.random.default_rng(np.random.SeedSequence(0).spawn(1)[0]), "a", "lumbar", 6.0)
    assert not np.array_equal(
        PhantomRequest(0, 0, "lumbar").painted((6, 6, 6)).landmarks.points_mm, of_disk.landmarks.points_mm
    )
