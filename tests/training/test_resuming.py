"""A killed training resumes exactly, or reports why it cannot."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import train as script
from learning_functions.model_files.model_file import load_model
from learning_functions.training.checkpoints import Checkpoints
from tests.tiny import tiny_settings, write_samples

EPOCHS = 3
# A process that is killed (SIGKILL) in its second epoch, at this step.
KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
import train
from learning_functions.training import checkpoints
from learning_functions.training import fit as fitting

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(checkpoints.Checkpoints):
    def save(self, network, progress):
        if progress.epochs == 2:
            if {step!r} == "between network and state":
                network.save(self.network_path(2))
                die()
        super().save(network, progress)
        if progress.epochs == 2:
            die()  # after the checkpoint, before the log

fitting.Checkpoints = Dying
train.main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    settings = tiny_settings("detection", samples_per_scan=6, schedule="cosine", learning_rate=0.01, epochs=EPOCHS)
    return write_samples("detection", tmp_path_factory.mktemp("samples"), settings)


def options(samples: tuple[Path, Path], model: Path, *more: str) -> list[str]:
    return [*map(str, (*samples, model)), "--device", "cpu", *more]


@pytest.fixture(scope="module")
def uninterrupted(samples: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("whole") / "model.h5"
    assert script.main(options(samples, model)) == 0
    return model


def log_of(model: Path) -> list[dict[str, float]]:
    """The log without times."""
    rows = Checkpoints(model).progress().history
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("step", ["between network and state", "after the checkpoint"])
def test_a_killed_run_resumes_exactly(
    samples: tuple[Path, Path], uninterrupted: Path, tmp_path: Path, step: str
) -> None:
    model = tmp_path / "model.h5"
    code = KILLED.format(root=str(Path(script.__file__).parent), step=step)
    done = subprocess.run([sys.executable, "-c", code, *options(samples, model)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    finished = 2 if step == "after the checkpoint" else 1
    assert Checkpoints(model).progress().epochs == finished and not model.exists()
    assert script.main(options(samples, model, "--resume")) == 0
    mine, other = Checkpoints(model), Checkpoints(uninterrupted)
    assert mine.progress().epochs == EPOCHS and mine.progress().best_epoch == other.progress().best_epoch
    for row, expected in zip(log_of(model), log_of(uninterrupted), strict=True):
        assert row.keys() == expected.keys()
        np.testing.assert_allclose(list(row.values()), list(expected.values()), rtol=1e-5, atol=1e-6)
    last, expected = mine.load(EPOCHS), other.load(EPOCHS)
    for weight, whole in zip(last.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, whole, rtol=1e-4, atol=1e-6)
    assert int(last.optimizer.iterations) == int(expected.optimizer.iterations) == EPOCHS * 2
    assert float(last.optimizer.learning_rate) == float(expected.optimizer.learning_rate)
    for state, whole in zip(last.optimizer.variables, expected.optimizer.variables, strict=True):
        np.testing.assert_allclose(state, whole, rtol=1e-3, atol=1e-6)
    for weight, whole in zip(
        load_model(model)[0].get_weights(), load_model(uninterrupted)[0].get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, whole, rtol=1e-4, atol=1e-6)
    assert (mine.folder / "log.csv").read_text().count("\n") == EPOCHS + 1


def refused(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    capfd.readouterr()
    assert script.main(arguments) == 2
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--filters", "3"], "filters (then 2, now 3)"),
        (["--seed", "2"], "seed"),
        (["--augment", "none"], "augment"),
        (["--precision", "bfloat16"], "precision"),
        (["--rate-steps", "7"], "rate_steps (then [10000, 20000], now [7])"),
    ],
)
def test_other_options_are_refused(
    samples: tuple[Path, Path], uninterrupted: Path, capfd: pytest.CaptureFixture[str], more: list[str], named: str
) -> None:
    before = uninterrupted.read_bytes()
    line = refused(capfd, options(samples, uninterrupted, "--resume", *more))
    assert "only with the options it began with" in line and line.endswith(f"other: {named}.")
    assert uninterrupted.read_bytes() == before


def _other_seed(file: h5py.File) -> None:
    file.attrs["seed"] = 77


def _other_voxel(file: h5py.File) -> None:
    file["inputs"][0, 0] += 1


@pytest.mark.parametrize("change", [_other_seed, _other_voxel])
def test_other_samples_are_refused(
    uninterrupted: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: Callable[[h5py.File], None]
) -> None:
    settings = tiny_settings("detection", samples_per_scan=6, schedule="cosine", learning_rate=0.01, epochs=EPOCHS)
    training, validation = write_samples("detection", tmp_path, settings)
    with h5py.File(training, "r+") as file:
        change(file)
    assert refused(capfd, options((training, validation), uninterrupted, "--resume")).endswith("other: samples.")


def damaged(change: Callable[[Path], object], uninterrupted: Path, folder: Path) -> Path:
    """A copy of the finished run with its state changed."""
    shutil.copytree(uninterrupted.with_suffix(".training"), folder / "model.training")
    change(folder / "model.training")
    return folder / "model.h5"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "state.json").write_text("{"), "state cannot be read"),
        (lambda folder: (folder / "state.json").write_text("[]"), "state cannot be read"),
        (lambda folder: (folder / "state.json").write_text('{"colour": 1}'), "state cannot be read"),
        (lambda folder: (folder / f"epoch_{EPOCHS:04d}.keras").unlink(), "is missing"),
        (lambda folder: (folder / f"epoch_{EPOCHS:04d}.keras").write_text("hello"), "cannot be read"),
    ],
)
def test_a_damaged_state_is_reported(
    samples: tuple[Path, Path],
    uninterrupted: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    words: str,
) -> None:
    model = damaged(change, uninterrupted, tmp_path)
    assert words in refused(capfd, options(samples, model, "--resume"))


def test_resuming_a_finished_run_gives_the_same_model(samples: tuple[Path, Path], uninterrupted: Path) -> None:
    before = load_model(uninterrupted)[0].get_weights()
    assert script.main(options(samples, uninterrupted, "--resume")) == 0
    for weight, whole in zip(load_model(uninterrupted)[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, whole)


def test_without_resume_a_run_starts_again(samples: tuple[Path, Path], tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    for epochs in ("2", "1"):
        assert script.main(options(samples, model, "--epochs", epochs, "--augment", "none")) == 0
    progress = Checkpoints(model).progress()
    assert (progress.epochs, len(progress.history)) == (1, 1)
    assert [path.name for path in model.with_suffix(".training").glob("*.keras")] == ["epoch_0001.keras"]
    assert json.loads((model.with_suffix(".training") / "state.json").read_text())["run"]["augment"] == "none"


def test_resume_without_an_earlier_run_starts_one(samples: tuple[Path, Path], tmp_path: Path) -> None:
    assert script.main(options(samples, tmp_path / "model.h5", "--resume", "--epochs", "1")) == 0
    assert (tmp_path / "model.h5").is_file()
