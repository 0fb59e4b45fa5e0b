"""Invalid input gives one line and exit code 2, and existing files stay."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.odd_nifti import nifti
from tests.scripts.outcome import PRECIOUS, Run, everything, require_error
from tests.tiny import phantom
from utility_functions.files import atomic_write as writing
from utility_functions.files.images import write_image
from utility_functions.files.provenance import DESCRIPTION, RECORDS


def cut(path: Path) -> None:
    write_image(phantom().volume, path)
    path.write_bytes(path.read_bytes()[:5000])


# The content of the folder "in", and the message about it.
SCANS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda f: (f / "scan.nii.gz").write_text("hello\n" * 99), "cannot be read as NIfTI"),
    "truncated": (lambda f: cut(f / "scan.nii.gz"), "truncated"),
    "nothing": (lambda f: None, "no scan was found"),
    "no such path": (lambda f: f.rmdir(), "no such file or folder"),
    "NaN": (lambda f: nifti(f / "scan.nii", np.full((8, 9, 10), np.nan, np.float32)), "NaN"),
    "two dimensions": (lambda f: nifti(f / "scan.nii", np.ones((8, 9, 1), np.int16)), "two-dimensional"),
    "zero spacing": (lambda f: nifti(f / "scan.nii", pixdim=[1, 0, 1, 1, 0, 0, 0, 0]), "spacing must be above zero"),
    "10^12 voxels": (lambda f: nifti(f / "scan.nii", dim=[3, 10000, 10000, 10000, 1, 1, 1, 1]), "10000 x 10000"),
}


@pytest.mark.parametrize("what", SCANS)
@pytest.mark.parametrize("script", ["generate_samples", "measure"])
def test_a_scan_that_cannot_be_used(
    run: Run, oracles: list[Path], tmp_path: Path, script: str, what: str, data_set: Path
) -> None:
    make, words = SCANS[what]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("results.csv", "report.html"):
        (out / name).write_bytes(PRECIOUS)
    (out / "results.json").write_text(json.dumps(dict.fromkeys(RECORDS["results.json"], "of an earlier run")))
    write_image(phantom().label_map, out / "scan_vertebrae.nii.gz", DESCRIPTION)
    before = everything(tmp_path)
    if script == "measure":
        outcome = run(script, tmp_path / "in", *oracles, "--output", out)
    else:
        outcome = run(script, "detection", tmp_path / "in", out / "samples.h5", "--workers", 1)
    require_error(outcome, words)
    assert everything(tmp_path) == before


JSON = '[{"direction":["R","A","S"]},'
ANNOTATIONS = {
    "none": (None, "no annotation"),
    "centroid outside": (JSON + '{"label":20,"X":1,"Y":1,"Z":9000}]', "outside the scan"),
    "unknown label": (JSON + '{"label":77,"X":1,"Y":1,"Z":1}]', "no known level"),
    "no JSON": ("hello", "not a JSON file"),
    "nothing in it": ("[]", "holds no landmark"),
}


@pytest.mark.parametrize("what", ANNOTATIONS)
@pytest.mark.parametrize("script", ["generate_samples", "measure"])
def test_an_annotation_that_cannot_be_used(
    run: Run, oracles: list[Path], tmp_path: Path, script: str, what: str
) -> None:
    content, words = ANNOTATIONS[what]
    write_image(phantom().volume, tmp_path / "in" / "scan.nii.gz")
    if content is not None:
        (tmp_path / "in" / "scan_ctd.json").write_text(content)
    if script == "measure":
        outcome = run(script, tmp_path / "in", *oracles, "--output", tmp_path / "out")
    else:
        outcome = run(script, "detection", tmp_path / "in", tmp_path / "out" / "samples.h5", "--workers", 1)
    if script == "measure" and content is None:
        assert outcome.code == 0, "a scan without a truth is measured"
        return
    require_error(outcome, words)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


ARGUMENTS = [
    (("--preset", "huge"), "huge"),
    (("--split", "mine"), "A split is training, validation or testing"),
    (("--samples-per-scan", "0"), "samples_per_scan must be at least 1"),
    (("--samples-per-scan", "many"), "--samples-per-scan"),
    (("--spacing", "1", "2"), "one or three sizes"),
    (("--spacing", "0"), "above zero"),
    (("--spacing", "nan"), "above zero"),
    (("--workers", "0"), "At least one worker"),
    (("--seed", "-1"), "zero or above"),
    (("--sampels-per-scan", "3"), "unrecognized arguments"),
]


@pytest.mark.parametrize(("options", "words"), ARGUMENTS)
def test_an_invalid_argument_of_generate_is_refused(
    run: Run, data_set: Path, samples: dict[tuple[str, str], Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "out.h5"
    shutil.copy(samples["detection", "training"], out)
    before = everything(tmp_path)
    split = () if "--split" in options else ("--split", "training")
    require_error(run("generate_samples", "detection", data_set, out, *split, *options), words)
    assert everything(tmp_path) == before


def test_an_unknown_task(run: Run, data_set: Path, tmp_path: Path) -> None:
    require_error(run("generate_samples", "magic", data_set, tmp_path / "out.h5"), "magic")


def test_samples_do_not_overwrite_other_files(run: Run, data_set: Path, oracles: list[Path], tmp_path: Path) -> None:
    shutil.copy(oracles[0], tmp_path / "model.h5")
    (tmp_path / "scan.nii.gz").write_bytes(PRECIOUS)
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").write_bytes(PRECIOUS)
    before = everything(tmp_path)
    for name, words in {
        "model.h5": "a saved model",
        "scan.nii.gz": "saved as .h5",
        "folder.h5": "a folder of that name is there",
        "file/samples.h5": "cannot be written",
    }.items():
        require_error(run("generate_samples", "detection", data_set, tmp_path / name, "--split", "training"), words)
    assert everything(tmp_path) == before


def refusing(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_read_only_folder(
    run: Run,
    data_set: Path,
    pair: tuple[Path, Path],
    oracles: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root may write anywhere, so that the system's refusal is simulated."""
    monkeypatch.setattr(writing.tempfile, "mkdtemp", refusing)
    for arguments in (
        ("generate_samples", "detection", data_set, tmp_path / "out.h5", "--split", "training"),
        ("train", *pair, tmp_path / "model.h5"),
        ("measure", data_set, *oracles, "--output", tmp_path / "results"),
    ):
        require_error(run(*arguments), "Permission denied")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["generate_samples", "train", "measure"])
def test_missing_arguments(run: Run, script: str) -> None:
    require_error(run(script), "the following arguments are required")


def test_debugging_shows_the_traceback(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        run("measure", tmp_path / "nowhere", "--output", tmp_path, "--debug")
