"""The log for support tells what a maintainer needs, and nothing of the patient: no name, path or text of a header."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.filled_dicom import words_in, write_series
from tests.oracle import oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run, require_error
from utility_functions.files.annotations import write_lml
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import read_grid, write_image
from utility_functions.reporting.support_log import HEADER, HIDDEN, told_option, told_record

NAME = "SmithJohn1953"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, frozenset[str]]:
    """Two series of filled headers, one with an image that is no slice, in folders named after their patients."""
    folder, words = tmp_path_factory.mktemp(NAME), set()
    for patient in ("1", "2"):
        place = folder / f"{NAME}_{patient}"
        words |= write_series(place, oracle_scan(4.0, shape=(18, 22, 40)), patient)
        write_lml(oracle_landmarks(), folder / f"{NAME}_{patient}.lml", read_grid(place))
    write_series(folder / "x", oracle_scan(8.0, shape=(8, 8, 12)), "1", ImageType="ORIGINAL\\PRIMARY\\LOCALIZER")
    (folder / "x" / "000.dcm").rename(folder / f"{NAME}_1" / f"{NAME}.dcm")
    for path in (folder / "x").iterdir():
        path.unlink()
    (folder / "x").rmdir()
    return folder, frozenset(words)


def test_the_logs_of_the_three_commands_hold_nothing_of_the_patient(
    run: Run, series: tuple[Path, frozenset[str]], oracles: list[Path], tmp_path: Path
) -> None:
    folder, words = series
    logs = {name: tmp_path / f"{name}.log" for name in ("cut", "more", "train", "measure")}
    options = ("--preset", "small", "--spacing", 4, "--samples-per-scan", 2, "--workers", 1)
    trained = ("--filters", 2, "--epochs", 1, "--device", "cpu")
    for command in (
        ("generate_samples", "detection", folder / f"{NAME}_1", tmp_path / "t.h5", *options, "--log", logs["cut"]),
        ("generate_samples", "detection", folder / f"{NAME}_2", tmp_path / "v.h5", *options, "--log", logs["more"]),
        (
            "train",
            *(tmp_path / f"{name}.h5" for name in "tvm"),
            *trained,
            "--about",
            f"of {NAME}",
            "--log",
            logs["train"],
        ),
        ("measure", folder, *oracles, "--output", tmp_path / "results", "--log", logs["measure"]),
    ):
        outcome = run(*command)
        assert outcome.code == 0, outcome.err
    for path in logs.values():
        text = path.read_text()
        assert words_in(text.encode(), words) == set()
        assert (
            NAME not in text and str(tmp_path) not in text and str(folder) not in text and oracles[0].name not in text
        )
        assert text.startswith(HEADER) and "exit code 0" in text and "peak memory" in text
        for what in ("keras: ", "SimpleITK: ", "cores: ", "processor: "):
            assert what in text, what
    cut, trained, measured = (logs[name].read_text() for name in ("cut", "train", "measure"))
    assert "preset: small" in cut and "cutting samples" in cut and "scan: reading and cutting" in cut
    assert f"about: {HIDDEN}" in trained and "epoch 1: training and validation" in trained and "epochs: 1" in trained
    assert (
        "GPUs: " in measured
        and "sha256" in measured
        and "scan: " in measured
        and ", reading " in measured
        and "measuring " in measured
    )
    assert f"warning: {HIDDEN}: 1 DICOM images are localisers and are left out: {HIDDEN}." in measured


def test_a_failed_scan_is_told_by_where_it_failed_not_by_its_words(
    run: Run, oracles: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / NAME
    write_image(oracle_scan(), folder / "a.nii.gz")
    (folder / f"{NAME}.nii.gz").write_bytes(b"no image")
    outcome = run("measure", folder, *oracles, "--output", tmp_path / "out", "--log", tmp_path / "run.log")
    assert outcome.code == 2
    text = (tmp_path / "run.log").read_text()
    assert NAME not in text and "a scan was left out: BrokenFile in " in text and "nifti._read_header" in text
    assert "exit code 2" in text


def test_a_run_that_ends_in_an_error_tells_where_in_its_log(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    require_error(run("measure", tmp_path / f"{NAME}.nii", "--output", tmp_path / "out", "--log", log), "no such file")
    text = log.read_text()
    assert NAME not in text and "BrokenFile in " in text and "manifest.find_cases" in text and "at the end" in text
    assert run("measure", tmp_path / f"{NAME}.nii", "--output", tmp_path / "out", "--log", log).code == 2, "a log again"


def test_no_other_file_is_written_over_by_a_log(run: Run, tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "scan.nii")
    before = (tmp_path / "scan.nii").read_bytes()
    require_error(
        run("measure", tmp_path / "scan.nii", "--log", tmp_path / "scan.nii"), "no log and is not written over"
    )
    assert (tmp_path / "scan.nii").read_bytes() == before


def test_no_options_file_of_results_names_the_log(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    outcome = run(
        "measure", tmp_path / "scan.nii.gz", *oracles, "--output", tmp_path / "out", "--log", tmp_path / "a.log"
    )
    assert outcome.code == 0
    assert '"log"' not in (tmp_path / "out" / "results.json").read_text()


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("%s: %d of its %d images lie otherwise.", (Path(NAME), 2, 41), f"{HIDDEN}: 2 of its 41 images lie otherwise."),
        ("%s is no usable record (%s).", (NAME, BrokenFile(NAME)), f"{HIDDEN} is no usable record ([BrokenFile])."),
        ("Sizes %s.", ((1.5, 2),), "Sizes [1.5, 2]."),
        ("Nothing else.", (), "Nothing else."),
    ],
)
def test_a_warning_is_told_by_the_words_of_the_source_and_its_numbers(message, arguments, told) -> None:
    record = logging.LogRecord("utility_functions.files.dicom", logging.WARNING, "x.py", 7, message, arguments, None)
    assert told_record(record) == f"{told} (utility_functions.files.dicom:7)"


def test_a_library_s_warning_is_told_without_its_words() -> None:
    record = logging.LogRecord("pydicom", logging.WARNING, "x.py", 7, f"Invalid value: {NAME}", (), None)
    assert told_record(record) == f"{HIDDEN} of pydicom (x:7)"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("scans", Path("phantom:3:usual:seed=1"), "phantom:3:usual:seed=1"),
        ("scans", Path(f"phantom:{NAME}"), f"phantom:{HIDDEN}"),
        ("scans", Path(f"/data/{NAME}.nii.gz"), "a path with nothing there"),
        ("about", "smith", HIDDEN),
        ("about", "", ""),
        ("lowest", "L5", "L5"),
        ("device", "gpu:1", "gpu:1"),
        ("title", NAME, HIDDEN),
        ("spacing", [1.0, 2.0], [1.0, 2.0]),
        ("memory_gb", 4.0, 4.0),
    ],
)
def test_an_option_is_told_by_what_it_is(name, value, told) -> None:
    assert told_option(name, value) == told


def test_a_file_is_told_by_its_kind_and_size_and_a_model_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.h5").write_bytes(b"abc")
    assert told_option("training", tmp_path / f"{NAME}.h5") == "a file .h5 of 3 bytes"
    assert told_option("models", [tmp_path / f"{NAME}.h5"]) == ["a file .h5 of 3 bytes, sha256 ba7816bf8f01cfea"]
    assert told_option("output", tmp_path) == "a folder of 1 entries"
