"""What is wrong is told in one line with exit code 2, and nothing that existed is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from learning_functions.running.model_file import CARD
from tests.odd_nifti import nifti
from tests.scripts.said import Run, Said
from tests.tiny import phantom, write_case
from utility_functions.files import writing
from utility_functions.files.images import write_image
from utility_functions.files.marks import DESCRIPTION

PRECIOUS = b"worth keeping"


def told(said: Said, words: str) -> None:
    """One error line that holds the words, and no traceback."""
    assert said.code == 2, said
    assert len(said.errors) == 1 and words in said.errors[0], said.err
    assert "Traceback" not in said.err and len(said.errors[0]) < 800


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def cut(path: Path) -> None:
    write_image(phantom().volume, path)
    path.write_bytes(path.read_bytes()[:5000])


# What stands in the folder "in", and what is said of it.
SCANS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda f: (f / "scan.nii.gz").write_text("hello\n" * 99), "cannot be read as NIfTI"),
    "cut short": (lambda f: cut(f / "scan.nii.gz"), "cut short"),
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
    for name in ("results.json", "results.csv", "report.html"):
        (out / name).write_bytes(PRECIOUS)
    write_image(phantom().label_map, out / "scan_vertebrae.nii.gz", DESCRIPTION)
    before = everything(tmp_path)
    if script == "measure":
        said = run(script, tmp_path / "in", *oracles, "--output", out)
    else:
        said = run(script, "detection", tmp_path / "in", out / "samples.h5", "--workers", 1)
    told(said, words)
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
        said = run(script, tmp_path / "in", *oracles, "--output", tmp_path / "out")
    else:
        said = run(script, "detection", tmp_path / "in", tmp_path / "out" / "samples.h5", "--workers", 1)
    if script == "measure" and content is None:
        assert said.code == 0, "without a truth a scan is measured all the same"
        return
    told(said, words)
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
def test_an_argument_of_generate_that_makes_no_sense(
    run: Run, data_set: Path, samples: dict[tuple[str, str], Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "out.h5"
    shutil.copy(samples["detection", "training"], out)
    before = everything(tmp_path)
    split = () if "--split" in options else ("--split", "training")
    told(run("generate_samples", "detection", data_set, out, *split, *options), words)
    assert everything(tmp_path) == before


def test_an_unknown_task(run: Run, data_set: Path, tmp_path: Path) -> None:
    told(run("generate_samples", "magic", data_set, tmp_path / "out.h5"), "magic")


def test_samples_are_not_written_over_other_files(
    run: Run, data_set: Path, oracles: list[Path], tmp_path: Path
) -> None:
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
        told(run("generate_samples", "detection", data_set, tmp_path / name, "--split", "training"), words)
    assert everything(tmp_path) == before


@pytest.fixture
def pair(samples: dict[tuple[str, str], Path]) -> tuple[Path, Path]:
    return samples["detection", "training"], samples["detection", "validation"]


TRAINING_ARGUMENTS = [
    (("--epochs", "0"), "epochs must be at least 1"),
    (("--batch", "0"), "batch must be at least 1"),
    (("--filters", "-2"), "filters must be at least 1"),
    (("--learning-rate", "0"), "The learning rate must be above 0"),
    (("--learning-rate", "nan"), "The learning rate must be above 0"),
    (("--seed", "-1"), "zero or above"),
    (("--schedule", "steps"), "steps"),
    (("--class-weights", "0", "0"), "Class weights are numbers not below 0"),
    (("--class-weights", "-1", "2"), "Class weights are numbers not below 0"),
    (("--device", "gpu"), "sees no GPU"),
    (("--device", "gpu:1"), "sees no GPU"),
    (("--device", "quantum"), "auto, cpu, gpu or gpu:N"),
]


@pytest.mark.parametrize(("options", "words"), TRAINING_ARGUMENTS)
def test_an_argument_of_training_that_makes_no_sense(
    run: Run, pair: tuple[Path, Path], models: list[Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    """The model of an earlier run and what it left stay as they were."""
    shutil.copy(models[0], tmp_path / "model.h5")
    shutil.copytree(models[0].with_suffix(".training"), tmp_path / "model.training")
    before = everything(tmp_path)
    told(run("train", *pair, tmp_path / "model.h5", *options), words)
    assert everything(tmp_path) == before


def test_class_weights_are_for_detection(run: Run, samples: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    pair = samples["identification", "training"], samples["identification", "validation"]
    said = run("train", *pair, tmp_path / "model.h5", "--class-weights", 1, 2)
    told(said, "has no class weights")


def test_samples_that_do_not_belong_together(
    run: Run, samples: dict[tuple[str, str], Path], data_set: Path, models: list[Path], tmp_path: Path
) -> None:
    detection, model = samples["detection", "training"], tmp_path / "model.h5"
    wide, testing, cut_off = (tmp_path / f"{name}.h5" for name in ("wide", "testing", "cut_off"))
    few = ("--preset", "small", "--samples-per-scan", 1, "--workers", 1)
    run("generate_samples", "detection", data_set, wide, *few, "--split", "validation", "--spacing", 5)
    run("generate_samples", "detection", data_set, testing, *few, "--split", "testing")
    cut_off.write_bytes(detection.read_bytes()[:3000])
    before = everything(tmp_path)
    for first, second, words in (
        (detection, samples["identification", "validation"], "task detection and identification"),
        (detection, wide, "spacing_mm (2.0, 2.0, 2.0) and (5.0, 5.0, 5.0)"),
        (detection, testing, "testing split"),
        (detection, detection, "No patient may be in"),
        (detection, tmp_path / "nowhere.h5", "no sample file"),
        (models[0], detection, "this is a saved model"),
        (data_set / "manifest.csv", detection, "this is not"),
        (cut_off, detection, "damaged"),
        (data_set, detection, "no sample file"),
    ):
        told(run("train", first, second, model), words)
    assert everything(tmp_path) == before


def test_a_model_is_not_written_over_other_files(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(pair[0], tmp_path / "samples.h5")
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").write_bytes(PRECIOUS)
    (tmp_path / "taken.training").write_bytes(PRECIOUS)
    before = everything(tmp_path)
    for name, words in {
        "samples.h5": "a samples file, not a model",
        "folder.h5": "not a folder",
        "model.keras": "saved as .h5",
        "model": "saved as .h5",
        "file/model.h5": "cannot be written to",
        "taken.h5": "taken.training is a file",
    }.items():
        told(run("train", *pair, tmp_path / name), words)
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
    """The administrator may write anywhere, so the system's refusal is played."""
    monkeypatch.setattr(writing.tempfile, "mkdtemp", refusing)
    for arguments in (
        ("generate_samples", "detection", data_set, tmp_path / "out.h5", "--split", "training"),
        ("train", *pair, tmp_path / "model.h5"),
        ("measure", data_set, *oracles, "--output", tmp_path / "results"),
    ):
        told(run(*arguments), "Permission denied")
    assert not list(tmp_path.iterdir())


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
]


@pytest.mark.parametrize(("options", "words"), MEASURING_ARGUMENTS)
def test_an_argument_of_measuring_that_makes_no_sense(
    run: Run, scan: Path, oracles: list[Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    before = everything(tmp_path)
    told(run("measure", scan, *oracles, "--output", tmp_path / "out", *options), words)
    assert everything(tmp_path) == before


def test_models_that_do_not_belong_together(
    run: Run, scan: Path, oracles: list[Path], samples: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    detection, identification = oracles
    for models, words in (
        ((detection, detection), "One model per task"),
        ((identification,), "No model given finds detection"),
        ((samples["detection", "training"],), "a samples file, not a model"),
        ((scan,), "not an HDF5 file"),
        ((tmp_path,), "not a folder"),
        ((tmp_path / "nowhere.h5",), "no model file"),
    ):
        told(run("measure", scan, *models, "--output", tmp_path / "out"), words)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(run: Run, scan: Path, oracles: list[Path], tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(PRECIOUS)
    for place in ("taken", "taken/deeper"):
        told(run("measure", scan, *oracles, "--output", tmp_path / place), "cannot be written to")
    assert (tmp_path / "taken").read_bytes() == PRECIOUS


def with_card(model: Path, path: Path, change: Callable[[dict], object]) -> Path:
    """A copy of a model whose card says something else."""
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
    (lambda card: card.update(task="identification"), "does not fit its network"),
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
    told(run("measure", scan, model, "--output", tmp_path / "out"), words)
    assert not (tmp_path / "out").exists()


def test_good_scans_are_measured_beside_broken_ones(run: Run, scan: Path, oracles: list[Path], tmp_path: Path) -> None:
    (scan.parent / "broken.nii.gz").write_text("hello")
    arguments = ("measure", scan.parent, *oracles, "--output", tmp_path / "out")
    said = run(*arguments)
    told(said, "broken could not be measured")
    assert "1 of 2 scans measured" in said.out and (tmp_path / "out" / "scan_vertebrae.nii.gz").exists()
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [bool(each["problem"]) for each in record["scans"]] == [True, False]
    assert run(*arguments, "--skip-errors").code == 0


@pytest.mark.parametrize("script", ["generate_samples", "train", "measure"])
def test_missing_arguments(run: Run, script: str) -> None:
    told(run(script), "the following arguments are required")


def test_debugging_shows_where_an_error_came_from(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        run("measure", tmp_path / "nowhere", "--output", tmp_path, "--debug")
