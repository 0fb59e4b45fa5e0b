"""Each past bug as a test, named after its symptom."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from learning_functions.measure.measuring import measure_cases
from learning_functions.options import InferenceOptions
from learning_functions.runtime.devices import precision
from learning_functions.spec import Spec
from learning_functions.task import Settings, load_task
from learning_functions.training.checkpoints import Checkpoints, Progress
from tests.oracle import oracle_models, oracle_scan
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image


def test_a_resumed_mixed_precision_run_lost_its_optimiser_state(tmp_path: Path) -> None:
    """Keras unwrapped the loss scaling when it loaded under the float32 policy, and only warned."""
    with precision("float16"):
        image = keras.Input((4,))
        network = keras.Model(image, keras.layers.Dense(1, dtype="float32")(keras.layers.Dense(3)(image)))
        network.compile("adam", "mse")
    network.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    checkpoints = Checkpoints(tmp_path / "model.h5")
    progress = Progress(run={})
    progress.add({"val_loss": 1.0}, "val_loss", False)
    checkpoints.save(network, progress)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading")
        again = checkpoints.load(1, "float16")
    for state, kept in zip(again.optimizer.variables, network.optimizer.variables, strict=True):
        np.testing.assert_array_equal(state, kept)


def test_a_run_of_broken_scans_overwrote_earlier_results(tmp_path: Path) -> None:
    models = oracle_models(tmp_path / "models")
    out = tmp_path / "out"
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    sound, broken = Case("scan", tmp_path / "scan.nii.gz"), Case("scan", tmp_path / "gone.nii.gz")
    measure_cases([sound], models, out, InferenceOptions(), {}, lambda text: None)
    before = {path: path.read_bytes() for path in out.iterdir()}
    [row] = measure_cases([broken], models, out, InferenceOptions(), {}, lambda text: None)
    assert "no such file" in row.problem
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_results_overwrote_the_centroids_of_the_scan(tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "scan.nii.gz")
    truth = tmp_path / "scan_centroids.json"
    truth.write_text('[{"name": "L1", "x": 0, "y": 0, "z": 0}]')
    case = Case("scan", tmp_path / "scan.nii.gz", landmarks_path=truth)
    with pytest.raises(ValueError, match="choose another output folder"):
        measure_cases([case], oracle_models(tmp_path / "models"), tmp_path, InferenceOptions(), {}, lambda text: None)


def test_a_spacing_of_nan_passed_as_above_zero() -> None:
    with pytest.raises(ValueError, match="three spacings above zero"):
        Spec((1.0, float("nan"), 1.0), "RAS", (4, 4, 4), 1, ("vertebra",))


def test_settings_read_from_a_card_were_never_equal_to_the_preset() -> None:
    """JSON gives tuples back as lists."""
    settings = load_task("detection").presets["paper"]
    as_read = {**settings.to_json(), "options": dict(settings.options.to_json(), weights=[0.1, 0.9])}
    assert Settings.from_json(as_read, type(settings.options)) == settings
