"""--count-from: another scan is measured first, and names the vertebrae of those that lie in its world."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spine_levels import segment
from tests.dicom_series import write_dicom
from tests.oracle import AIR, NAMES, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.images import write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

SHIFTED = ("T12", "L1", "L2")
LOCALISER = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def whole() -> Volume:
    """The scan to count from: its levels are right."""
    return oracle_scan(shape=(24, 30, 80))


def cropped(added: float = 30.0, low: int = 31) -> Volume:
    """The upper part of it, down to L1; ``added`` HU make its levels, by themselves, one too low."""
    scan = whole()
    voxels = np.where(scan.voxels > AIR, scan.voxels + added, scan.voxels).astype(np.int16)
    return Volume(voxels[..., low:], scan.grid.window((0, 0, low), (24, 30, 80 - low)))


def names_of(out: Path, name: str) -> tuple[str, ...]:
    return read_landmarks(out / f"{name}_centroids.mrk.json", None).names


def notes_of(out: Path, name: str) -> str:
    return " ".join(json.loads((out / f"{name}_findings.json").read_text())["row"]["findings"]["notes"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan to count from, and a part of it."""
    folder = tmp_path_factory.mktemp("files")
    write_image(whole(), folder / "scout.nii.gz")
    write_image(cropped(), folder / "part.nii.gz")
    return folder


def test_a_part_that_would_be_one_off_has_the_names_of_the_whole(
    run: Run, oracles: list[Path], files: Path, loaded: list[str], tmp_path: Path
) -> None:
    out, alone = tmp_path / "out", tmp_path / "alone"
    assert run("measure", files / "part.nii.gz", *oracles, "--output", alone).code == 0
    assert names_of(alone, "part") == SHIFTED
    del loaded[:]
    command = ("measure", files / "part.nii.gz", *oracles, "--count-from", files / "scout.nii.gz", "--output", out)
    outcome = run(*command)
    assert outcome.code == 0 and loaded == ["scout", "part"] and "1 of 1 scans measured" in outcome.out
    assert names_of(out, "part") == NAMES[:3] and names_of(out / "count_from", "scout") == NAMES
    notes = notes_of(out, "part")
    assert "counted from those of scout, by the positions in both headers, which tell no common frame" in notes
    assert "By itself this scan would have T12-L2." in notes and "shifted" not in notes
    assert f"Levels are counted from {files / 'scout.nii.gz'}" in outcome.out
    assert json.loads((out / "results.json").read_text())["settings"]["count_from"] == str(files / "scout.nii.gz")
    assert [scan["case_id"] for scan in json.loads((out / "results.json").read_text())["scans"]] == ["part"]


def test_a_finished_run_is_continued_until_the_scan_to_count_from_changes(
    run: Run, oracles: list[Path], files: Path, loaded: list[str], tmp_path: Path
) -> None:
    scout, out = tmp_path / "scout.nii.gz", tmp_path / "out"
    scout.write_bytes((files / "scout.nii.gz").read_bytes())
    command = ("measure", files / "part.nii.gz", *oracles, "--output", out, "--skip-existing", "--count-from", scout)
    assert run(*command).code == 0 and loaded == ["scout", "part"]
    assert run(*command).code == 0 and loaded == ["scout", "part"] and names_of(out, "part") == NAMES[:3]
    write_image(Volume(np.where(whole().voxels > AIR, whole().voxels + 50, AIR).astype(np.int16), whole().grid), scout)
    assert run(*command).code == 0 and loaded == ["scout", "part"] * 2
    assert names_of(out, "part") == SHIFTED
    refused = run(*command[:-2])
    assert refused.code == 2 and "count_from True, now None" in refused.err


def test_a_scan_elsewhere_keeps_its_names_and_says_so(
    run: Run, oracles: list[Path], files: Path, tmp_path: Path
) -> None:
    part, out = cropped(), tmp_path / "out"
    affine = part.grid.affine.copy()
    affine[0, 3] += 60.0
    write_image(Volume(part.voxels, Grid(part.grid.shape, affine)), tmp_path / "far.nii.gz")
    scans = ("measure", tmp_path / "far.nii.gz", *oracles, "--output", out, "--count-from", files / "scout.nii.gz")
    assert run(*scans).code == 0 and names_of(out, "far") == SHIFTED
    assert "No vertebra of scout lies at one of this scan, so the names are its own." in notes_of(out, "far")


def test_the_scan_itself_among_others_is_not_counted_from_itself(
    run: Run, oracles: list[Path], files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("measure", files, *oracles, "--output", out, "--count-from", files / "scout.nii.gz").code == 0
    assert names_of(out, "scout") == NAMES and names_of(out, "part") == NAMES[:3]
    assert "counted from" in notes_of(out, "part") and "counted from" not in notes_of(out, "scout")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"FrameOfReferenceUID": "1.2.3.9"}, "in the same frame of reference, and their headers tell two"),
        ({"PatientID": "P-78"}, "of the same patient, and these are of two"),
    ],
    ids=["another frame of reference", "another patient"],
)
def test_headers_that_tell_two_worlds_are_refused_in_one_sentence(
    told: dict[str, str], words: str, run: Run, oracles: list[Path], tmp_path: Path
) -> None:
    part = write_dicom(tmp_path / "part", cropped().reoriented("LPS"), SeriesInstanceUID="1.2.3.21")
    scout = write_dicom(tmp_path / "scout", whole().reoriented("LPS"), SeriesInstanceUID="1.2.3.22", **told)
    out = tmp_path / "out"
    outcome = run("measure", part, *oracles, "--output", out, "--count-from", scout)
    assert outcome.code == 2 and words in outcome.err and len(outcome.err.strip().splitlines()) == 1
    assert not out.exists() and "P-7" not in outcome.err
    with pytest.raises(ValueError, match=words):
        segment(part, oracles, count_from=scout)


def test_of_several_scans_those_of_another_frame_are_left_out(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for name, frame in (("first", "1.2.3.3"), ("second", "1.2.3.9")):
        told = {"FrameOfReferenceUID": frame, "SeriesInstanceUID": f"1.2.3.2.{name == 'first':d}"}
        write_dicom(scans / name, cropped().reoriented("LPS"), **told)
    scout = write_dicom(tmp_path / "scout", whole().reoriented("LPS"), SeriesInstanceUID="1.2.3.22")
    outcome = run("measure", scans, *oracles, "--output", out, "--count-from", scout)
    assert outcome.code == 2 and "second could not be measured: Levels are counted" in outcome.err
    assert names_of(out, "first") == NAMES[:3] and "in the same frame of reference" in notes_of(out, "first")
    assert "1 of 2 scans measured" in outcome.out


def test_a_folder_with_nothing_but_a_localiser_is_counted_from(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    folder, out = tmp_path / "localiser", tmp_path / "out"
    write_dicom(folder, whole().reoriented("PIL"), ImageType=LOCALISER, SeriesInstanceUID="1.2.3.22")
    coronal = write_dicom(tmp_path / "coronal", whole().reoriented("LIP"), ImageType=LOCALISER)
    for number, file in enumerate(sorted(coronal.iterdir())[:5]):
        file.rename(folder / f"coronal{number}.dcm")
    part = write_dicom(tmp_path / "part", cropped().reoriented("LPS"), SeriesInstanceUID="1.2.3.21")
    assert run("measure", part, *oracles, "--output", out, "--count-from", folder).code == 0
    assert names_of(out, "part") == NAMES[:3] and len(list((out / "count_from").glob("*_centroids.mrk.json"))) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count-from", "missing.nii.gz"), "missing.nii.gz"),
        (("--count-from", "{files}"), "Levels are counted from one scan; name its file or folder"),
        (("--count-from", "{files}/scout.nii.gz", "--lowest", "L5"), "so lowest gives no others. Received: L5"),
        (("--count-from", "{empty}"), "No vertebra is named in the scan to count from"),
    ],
)
def test_what_cannot_be_counted_from_is_refused(
    options: tuple[str, ...], words: str, run: Run, oracles: list[Path], files: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.nii.gz"
    write_image(whole().with_voxels(np.full(whole().grid.shape, AIR, np.int16)), empty)
    given = [option.format(files=files, empty=empty) for option in options]
    outcome = run("measure", files / "part.nii.gz", *oracles, "--output", tmp_path / "out", *given)
    assert outcome.code == 2 and words in outcome.err and len(outcome.err.strip().splitlines()) == 1


def test_in_a_notebook_it_is_measured_once_for_all_scans(oracles: list[Path], files: Path, tmp_path: Path) -> None:
    from spine_levels import Pipeline

    pipeline = Pipeline(oracles, count_from=files / "scout.nii.gz")
    for _ in range(2):
        result = pipeline.segment(files / "part.nii.gz")
        assert tuple(result.landmarks["level"]) == NAMES[:3]
        assert any("counted from those of scout" in note for note in result.notes)
    assert tuple(pipeline.segment(files / "scout.nii.gz").landmarks["level"]) == NAMES
