"""Invalid arguments of measuring give one line and exit code 2, and existing files stay."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from learning_functions.measure import scan_work
from learning_functions.model_files.model_file import CARD
from tests.scripts.outcome import PRECIOUS, Run, everything, require_error
from tests.tiny import phantom, write_case
from utility_functions.files.cases import Case, Scan


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_case(phantom(), tmp_path / "in", "scan").image_path


MEASURING_ARGUMENTS = [
    (("--memory-gb", "0"), "above 0"),
    (("--memory-gb", "-4"), "above 0"),
    (("--memory-gb", "nan"), "above 0"),
    (("--memory-gb", "lots"), "--memory-gb"),
    (("--split", "mine"), "A split is"),
    (("--split", "testing"), "has no testing cases"),
    (("--windows", "round"), "round"),
    (("--votes", "none"), "none"),
    (("--device", "tpu"), "A device is auto, cpu, gpu or gpu:N. Received: 'tpu'"),
    (("--device", "gpu:1"), "TensorFlow sees no GPU here; choose the device cpu. Received: 'gpu:1'"),
    (("--precision", "float64"), "float64"),
]


@pytest.mark.parametrize(("options", "words"), MEASURING_ARGUMENTS)
def test_an_invalid_argument_of_measure_is_refused(
    run: Run, scan: Path, oracles: list[Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    before = everything(tmp_path)
    require_error(run("measure", scan, *oracles, "--output", tmp_path / "out", *options), words)
    assert everything(tmp_path) == before


def test_models_that_do_not_belong_together(
    run: Run, scan: Path, oracles: list[Path], samples: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    detection, identification = oracles
    for models, words in (
        ((detection, detection), "One model per task"),
        ((identification,), "None of the models finds detection"),
        ((samples["detection", "training"],), "a samples file, not a model"),
        ((scan,), "not an HDF5 file"),
        ((tmp_path,), "not a folder"),
        ((tmp_path / "nowhere.h5",), "no model file"),
    ):
        require_error(run("measure", scan, *models, "--output", tmp_path / "out"), words)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(run: Run, scan: Path, oracles: list[Path], tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(PRECIOUS)
    for place in ("taken", "taken/deeper"):
        require_error(run("measure", scan, *oracles, "--output", tmp_path / place), "cannot be written to")
    assert (tmp_path / "taken").read_bytes() == PRECIOUS


def with_card(model: Path, path: Path, change: Callable[[dict], object]) -> Path:
    """A copy of a model with a changed card."""
    shutil.copy(model, path)
    with h5py.File(path, "r+") as file:
        card = json.loads(file.attrs[CARD])
        change(card)
        file.attrs[CARD] = json.dumps(card)
    return path


CARDS: list[tuple[Callable[[dict], object], str]] = [
    (lambda card: card["spec"].update(patch=[8, 8, 8]), "does not fit its network"),
    (lambda card: card["spec"].update(spacing_mm=[9, 9, 9]), "not that of its settings"),
    (lambda card: card["settings"].update(epochs=0), "epochs must be at least 1"),
    (lambda card: card["settings"].update(colour="red"), "colour"),
    (lambda card: card.update(task="magic"), "A task is one of"),
    (lambda card: card.update(task="identification"), "The options of this task are answer"),
]


@pytest.mark.parametrize(("change", "words"), CARDS)
def test_a_model_of_another_spec(
    run: Run,
    scan: Path,
    oracles: list[Path],
    tmp_path: Path,
    change: Callable[[dict], object],
    words: str,
) -> None:
    model = with_card(oracles[0], tmp_path / "odd.h5", change)
    require_error(run("measure", scan, model, "--output", tmp_path / "out"), words)
    assert not (tmp_path / "out").exists()


def test_good_scans_are_measured_beside_broken_ones(run: Run, scan: Path, oracles: list[Path], tmp_path: Path) -> None:
    (scan.parent / "broken.nii.gz").write_text("hello")
    arguments = ("measure", scan.parent, *oracles, "--output", tmp_path / "out")
    outcome = run(*arguments)
    require_error(outcome, "broken could not be measured")
    assert "1 of 2 scans measured" in outcome.out and (tmp_path / "out" / "scan_vertebrae.nii.gz").exists()
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [bool(each["problem"]) for each in record["scans"]] == [True, False]
    assert run(*arguments, "--skip-errors").code == 0


@pytest.mark.parametrize("name", ["scan.png", "results.csv", "report.html", "comparison.csv"])
def test_results_and_pictures_of_others_stay(
    run: Run, scan: Path, oracles: list[Path], tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(PRECIOUS)
    before = everything(tmp_path)
    require_error(run("measure", scan, *oracles, "--output", tmp_path / "out"), f"{name} was not made by this program")
    assert everything(tmp_path) == before


def test_an_error_of_a_library_in_one_scan_stops_no_other(
    run: Run, scan: Path, oracles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_case(phantom(), tmp_path / "in", "another")
    whole = scan_work.load_scan

    def failing(case: Case, **how: Any) -> Scan:
        if case.case_id == "another":
            raise RuntimeError("itk::ERROR: Failed to allocate memory for image.")
        return whole(case, **how)

    monkeypatch.setattr(scan_work, "load_scan", failing)
    outcome = run("measure", tmp_path / "in", *oracles, "--output", tmp_path / "out")
    assert outcome.code == 2 and "1 of 2 scans measured" in outcome.out
    assert "Failed to allocate memory" in outcome.out + outcome.err
