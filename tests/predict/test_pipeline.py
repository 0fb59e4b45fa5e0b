"""The order in which models run, and the errors where they cannot."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from learning_functions.inference.scan_view import ScanView
from learning_functions.model_files import pretrained as shipped_models
from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import in_stage_order, load_models, run_models
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.plain_errors import in_plain_words
from learning_functions.task import load_task
from tests.oracle import oracle_landmarks, oracle_models, oracle_scan
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned_grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import BodyMap, PartMap, VertebraMap


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedModel]:
    return load_models(oracle_models(tmp_path_factory.mktemp("models")))


def test_each_model_runs_after_those_it_needs(models: list[TrainedModel]) -> None:
    for given in (models, models[::-1]):
        assert [model.task_name for model in in_stage_order(given)] == ["detection", "identification"]
    assert in_stage_order(models[:1]) == models[:1]


def test_missing_requirements_of_a_model_are_named(models: list[TrainedModel]) -> None:
    with pytest.raises(ValueError, match=r"finds detection, which another needs.*identification\.h5"):
        in_stage_order(models[1:])


COARSE_TO_FINE = ["spine_heatmap", "vertebra_heatmaps", "vertebra_masks"]


@pytest.mark.parametrize("names", list(permutations(COARSE_TO_FINE)), ids="-".join)
def test_heatmaps_then_landmarks_then_masks(names: tuple[str, ...]) -> None:
    given = [SimpleNamespace(task_name=name, task=load_task(name), path=Path(f"{name}.h5")) for name in names]
    assert [model.task_name for model in in_stage_order(given)] == COARSE_TO_FINE


def test_masks_run_after_all_models_that_give_landmarks() -> None:
    names = ["vertebra_masks", "vertebra_heatmaps", "detection", "identification"]
    given = [SimpleNamespace(task_name=name, task=load_task(name), path=Path(f"{name}.h5")) for name in names]
    assert in_stage_order(given)[-1].task_name == "vertebra_masks"


def test_patient_orientation_is_settled_before_other_models_run() -> None:
    names = ["multiclass_mr", "spine_heatmap", "detection", "identification"]
    given = [SimpleNamespace(task_name=name, task=load_task(name), path=Path(f"{name}.h5")) for name in names]
    order = [model.task_name for model in in_stage_order(given)]
    assert order == ["detection", "multiclass_mr", "spine_heatmap", "identification"]


def test_two_models_of_one_task_are_refused(models: list[TrainedModel]) -> None:
    with pytest.raises(ValueError, match="One model per task can run, and 2 are for identification"):
        in_stage_order([*models, models[1]])


def test_without_models_the_shipped_ones_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shipped_models, "SHIPPED", tmp_path)
    with pytest.raises(BrokenFile, match=r"There is no model file .*detection\.h5"):
        load_models([])
    oracle_models(tmp_path)
    monkeypatch.setattr(shipped_models, "SHIPPED_MODELS", ("detection.h5", "identification.h5"))
    assert [model.path.parent for model in load_models([])] == [tmp_path, tmp_path]


def test_all_that_is_found_lies_on_one_grid_with_its_seconds(models: list[TrainedModel]) -> None:
    scan = oracle_scan().reoriented("PIR")
    found = run_models(models, scan, "scan")
    assert found.case_id == "scan" and set(found.seconds) == {"detection", "identification"}
    assert found.landmarks is not None and found.landmarks.names == oracle_landmarks().names
    for label_map in (found.detection, found.instances):
        assert label_map is not None and label_map.grid is scan.grid


def test_tubes_are_not_reported_as_whole_vertebrae(models: list[TrainedModel]) -> None:
    scan = oracle_scan()
    masks = VertebraMap(np.ones(scan.grid.shape, np.uint8), scan.grid)
    found = run_models(models, scan, before=Findings("scan", scan.grid, instances=masks))
    assert isinstance(found.instances, BodyMap) and not isinstance(found.instances, VertebraMap)


def test_findings_of_a_turned_scan_are_reported_in_the_header_frame() -> None:
    """A model that runs after a quarter turn gets turned image, maps and landmarks, and nothing is lost."""
    grid = Grid.from_spacing((6, 8, 10), (2.0, 2.0, 2.0), (5.0, 6.0, 7.0))
    volume = Volume(np.zeros(grid.shape, np.int16), grid)
    landmarks = Landmarks(("L1",), np.array([[10.0, 12.0, 14.0]]))
    known = PartMap(np.ones(grid.shape, np.uint8), grid)
    views: list[Any] = []

    def predict(network: Any, settings: Any, view: ScanView) -> StageFindings:
        views.append(view)
        return StageFindings(landmarks=Landmarks(("L2",), view.findings.landmarks.points_mm))

    task: Any = SimpleNamespace(
        needs=(),
        gives=("landmarks",),
        may_give=(),
        uses=("detection",),
        tells_orientation=False,
        shown=lambda shown, _: shown,
        predict=predict,
    )
    model = TrainedModel(Path("m.h5"), "new", task, load_task("detection").presets["small"], keras.Sequential(), {})
    before = Findings("scan", grid, detection=known, landmarks=landmarks, quarter_turns=1)
    found = run_models([model], volume, before=before)
    [view] = views
    np.testing.assert_allclose(view.findings.landmarks.points_mm, [[-12.0, 10.0, 14.0]])
    assert view.scan_grid.same_as(turned_grid(grid, 1)) and view.findings.detection.grid is view.image.grid
    np.testing.assert_allclose(found.landmarks.points_mm, landmarks.points_mm)
    assert found.landmarks.names == ("L2",) and found.quarter_turns == 1
    assert found.detection.grid.same_as(grid) and found.detection.voxels.all()


def test_a_single_model_reports_its_requirements(models: list[TrainedModel]) -> None:
    scan = oracle_scan()
    with pytest.raises(ValueError, match="The identification model needs detection first"):
        run_models(models[1:], scan)


@pytest.mark.parametrize("memory_gb", [0, -1, np.nan, np.inf])
def test_the_memory_to_use_is_above_zero(memory_gb: float) -> None:
    with pytest.raises(ValueError, match="GB above 0"):
        InferenceOptions(memory_gb=memory_gb)


def test_exhausted_memory_is_reported_with_a_remedy() -> None:
    with pytest.raises(MemoryError, match="Memory ran out; use less"), in_plain_words("use less"):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def test_damaged_samples_are_reported_in_one_line() -> None:
    def read(step: np.ndarray) -> np.ndarray:
        raise OSError("filter returned failure")

    batches = tf.data.Dataset.range(1).map(lambda step: tf.numpy_function(read, [step], [tf.int64]))
    with pytest.raises(OSError, match=r"a file is damaged: filter returned failure\.$"), in_plain_words(""):
        list(batches)


def test_an_error_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), in_plain_words(""):
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")


class Named:
    """A model of which only the task matters."""

    def __init__(self, name: str, needs: tuple[str, ...], gives: tuple[str, ...], uses: tuple[str, ...] = ()) -> None:
        self.task_name, self.path = name, Path(f"{name}.h5")
        self.task = SimpleNamespace(needs=needs, gives=gives, uses=uses, tells_orientation=False)


def test_a_model_runs_after_those_whose_findings_it_uses() -> None:
    detection = Named("detection", (), ("detection",))
    naming = Named("identification", ("detection",), ("landmarks", "instances"))
    walking = Named("instances", (), ("instances", "landmarks"), ("detection", "landmarks"))
    for given in permutations([detection, naming, walking]):
        assert in_stage_order(given) == [detection, naming, walking]
    assert in_stage_order([walking, detection]) == [detection, walking]
    assert in_stage_order([walking]) == [walking]


def test_models_that_use_one_another_s_findings_run_as_given() -> None:
    first, second = Named("a", (), ("x",), ("y",)), Named("b", (), ("y",), ("x",))
    assert in_stage_order([second, first]) == [second, first]


def test_a_device_without_float16_is_reported_in_a_sentence() -> None:
    output = "No OpKernel was registered to support Op 'MaxPool3D' with attrs [T=DT_HALF]"
    with pytest.raises(ValueError, match="use --precision bfloat16 or float32"), in_plain_words(""):
        raise tf.errors.InvalidArgumentError(None, None, output)
