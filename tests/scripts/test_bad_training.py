"""Invalid arguments of training give one line and exit code 2, and existing files stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scripts.outcome import PRECIOUS, Run, everything, require_error

TRAINING_ARGUMENTS = [
    (("--epochs", "0"), "epochs must be at least 1"),
    (("--batch", "0"), "batch must be at least 1"),
    (("--filters", "-2"), "filters must be at least 1"),
    (("--learning-rate", "0"), "The learning rate must be above 0"),
    (("--learning-rate", "nan"), "The learning rate must be above 0"),
    (("--seed", "-1"), "zero or above"),
    (("--schedule", "linear"), "linear"),
    (("--rate-steps", "20", "10"), "ascending, from 1 on"),
    (("--precision", "half"), "half"),
    (("--early-stopping", "0"), "A run stops after one epoch without a better one"),
    (("--steps-per-execution", "0"), "An execution has 1 step or more"),
    (("--class-weights", "0", "0"), "Class weights are numbers not below 0"),
    (("--class-weights", "-1", "2"), "Class weights are numbers not below 0"),
    (("--device", "gpu"), "sees no GPU"),
    (("--device", "gpu:1"), "sees no GPU"),
    (("--device", "quantum"), "auto, cpu, gpu or gpu:N"),
]


@pytest.mark.parametrize(("options", "words"), TRAINING_ARGUMENTS)
def test_an_invalid_argument_of_train_is_refused(
    run: Run, pair: tuple[Path, Path], models: list[Path], tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    """The model and the files of an earlier run do not change."""
    shutil.copy(models[0], tmp_path / "model.h5")
    shutil.copytree(models[0].with_suffix(".training"), tmp_path / "model.training")
    before = everything(tmp_path)
    require_error(run("train", *pair, tmp_path / "model.h5", *options), words)
    assert everything(tmp_path) == before


def test_class_weights_are_for_detection(run: Run, samples: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    pair = samples["identification", "training"], samples["identification", "validation"]
    outcome = run("train", *pair, tmp_path / "model.h5", "--class-weights", 1, 2)
    require_error(outcome, "has no class weights")


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
        require_error(run("train", first, second, model), words)
    assert everything(tmp_path) == before


def test_a_model_does_not_overwrite_other_files(run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
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
        require_error(run("train", *pair, tmp_path / name), words)
    assert everything(tmp_path) == before
