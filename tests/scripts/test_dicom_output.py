"""measure.py --dicom: the objects beside the other results, what is refused, and that they are taken for results."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest

import spine_levels
from learning_functions.runtime import tensorflow_setup
from tests.dicom_series import write_dicom
from tests.oracle import NAMES, oracle_scan
from tests.scripts.outcome import PRECIOUS, Run, everything, require_error
from tests.tiny import phantom, write_case
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import write_lml
from utility_functions.files.images import read_label_map
from utility_functions.files.manifest import find_cases
from utility_functions.files.provenance import is_prediction


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    volume = oracle_scan(4.0, shape=(18, 22, 40)).reoriented("LPS")
    return write_dicom(tmp_path_factory.mktemp("series") / "spine", volume)


def test_both_objects_are_written_beside_the_other_results(
    run: Run, series: Path, oracles: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = run("measure", series, *oracles, "--output", out, "--dicom", "seg,sr")
    assert outcome.code == 0, outcome.err
    segmentation = hd.seg.segread(out / "spine_seg.dcm")
    labels = {each.SegmentLabel: each.SegmentNumber for each in segmentation.SegmentSequence}
    assert {*NAMES} <= set(labels)
    [algorithm] = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmParameters == "models=detection identification"
    nifti = read_label_map(out / "spine_vertebrae.nii.gz").reoriented("LPS").voxels
    volume = segmentation.get_volume(combine_segments=True, allow_missing_positions=True)
    for name in NAMES:
        found = (volume.array == labels[name]).sum()
        assert found == (nifti == VERSE_IDS[name]).sum() > 0
    report = hd.sr.srread(out / "spine_sr.dcm")
    named = [group.tracking_identifier for group in report.content.get_planar_roi_measurement_groups()]
    assert named == [f"{name} centroid" for name in NAMES]
    assert is_prediction(out / "spine_seg.dcm") and is_prediction(out / "spine_sr.dcm")

    (out / "spine_sr.dcm").unlink()  # a scan whose files are not all there is measured again
    assert run("measure", series, *oracles, "--output", out, "--dicom", "seg,sr", "--skip-existing").code == 0
    assert (out / "spine_sr.dcm").is_file()
    assert run("measure", series, *oracles, "--output", out, "--dicom", "sr").code == 0
    assert (out / "spine_sr.dcm").is_file() and not (out / "spine_seg.dcm").exists()
    assert run("measure", series, *oracles, "--output", out).code == 0
    assert not list(out.glob("*.dcm"))


def test_results_below_a_data_set_are_no_scans(run: Run, series: Path, oracles: list[Path], tmp_path: Path) -> None:
    volume = oracle_scan(4.0, shape=(18, 22, 40)).reoriented("LPS")
    write_dicom(tmp_path / "spine", volume)
    out = tmp_path / "results"
    assert run("measure", tmp_path, *oracles, "--output", out, "--dicom", "seg").code == 0
    assert [case.case_id for case in find_cases(tmp_path)] == ["spine"]


def test_a_file_of_others_is_not_written_over(run: Run, series: Path, oracles: list[Path], tmp_path: Path) -> None:
    for name in ("spine_seg.dcm", "spine_sr.dcm"):
        (tmp_path / name).write_bytes(PRECIOUS)
        require_error(run("measure", series, *oracles, "--output", tmp_path, "--dicom", "seg,sr"), "not made by this")
        assert everything(tmp_path) == {tmp_path / name: PRECIOUS}
        (tmp_path / name).unlink()


def test_what_is_no_dicom_scan_is_refused_before_any_network_starts(
    run: Run, oracles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started() -> None:
        raise AssertionError("TensorFlow was started")

    monkeypatch.setattr(tensorflow_setup, "start_tensorflow", started)
    nifti = write_case(phantom(), tmp_path / "in", "scan").image_path
    bare = write_dicom(tmp_path / "bare", oracle_scan(8.0, shape=(9, 11, 20)).reoriented("LPS"), FrameOfReferenceUID="")
    for source, words in (
        (nifti, "DICOM objects refer to the images of a DICOM scan, so they are written for no other scan. Received"),
        (Path("phantom:1"), "Received: phantom"),
        (bare, "DICOM output needs FrameOfReferenceUID, which its images lack"),
    ):
        outcome = run("measure", source, *oracles, "--output", tmp_path / "out", "--dicom", "seg")
        require_error(outcome, words)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kinds", ["png", "seg,rtstruct", "", "seg;sr"])
def test_other_kinds_are_refused(run: Run, series: Path, oracles: list[Path], tmp_path: Path, kinds: str) -> None:
    outcome = run("measure", series, *oracles, "--output", tmp_path / "out", "--dicom", kinds)
    require_error(outcome, f"DICOM objects are seg, sr or seg,sr. Received: {kinds!r}")


def test_landmark_files_without_images_are_refused(run: Run, tmp_path: Path) -> None:
    made = phantom()
    write_lml(made.landmarks, tmp_path / "a.lml", made.volume.grid)
    outcome = run("measure", tmp_path / "a.lml", "--keypoints", "--output", tmp_path / "out", "--dicom", "sr")
    require_error(outcome, "Landmark files have no images for DICOM objects. Received: --dicom sr")


def test_a_pipeline_may_ask_for_objects(run: Run, series: Path, oracles: list[Path], tmp_path: Path) -> None:
    models = ", ".join(f'"{path}"' for path in oracles)
    (tmp_path / "two.toml").write_text(f'models = [{models}]\ndicom = "sr"\n')
    outcome = run("measure", series, "--pipeline", tmp_path / "two.toml", "--output", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out" / "two" / "spine_sr.dcm").is_file()


def test_the_facade_writes_them_too(series: Path, oracles: list[Path], tmp_path: Path) -> None:
    result = spine_levels.segment(series, oracles, dicom="seg,sr")
    names = {path.name for path in result.save(tmp_path)}
    assert {"spine_seg.dcm", "spine_sr.dcm"} <= names
    with pytest.raises(ValueError, match="DICOM objects refer to the images of a DICOM scan"):
        spine_levels.segment(np.zeros((20, 20, 20), np.int16), oracles, affine=np.eye(4), dicom="seg")
