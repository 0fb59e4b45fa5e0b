"""A worker loads a model once, and anew where its file has changed; who measures depends on where workers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning_functions.measure import fleet
from learning_functions.measure.device_models import DeviceModels
from learning_functions.measure.measuring import fleet_of
from learning_functions.measure.plan import Plan
from learning_functions.options import InferenceOptions
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import PROCESSOR
from learning_functions.runtime.workers import THIS_PROCESS, LocalWorkers


def test_a_worker_loads_a_model_once_until_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(TrainedModel, "load", lambda path, device, precision: loaded.append(path.name) or path)
    path = tmp_path / "model.h5"
    for content in (b"one", b"another"):
        path.write_bytes(content)
        for _ in range(3):
            assert fleet.model_of_worker(path, PROCESSOR, "float32") == path
    fleet.model_of_worker(path, PROCESSOR, "bfloat16")
    assert loaded == ["model.h5"] * 3


@pytest.mark.parametrize(("workers", "kind"), [(THIS_PROCESS, fleet.DeviceFleet), (LocalWorkers(2), fleet.WorkerFleet)])
def test_the_kind_of_workers_decides_who_measures(workers: LocalWorkers, kind: type) -> None:
    models = DeviceModels(Plan((), InferenceOptions()), lambda path: pytest.fail("nothing is loaded"))
    assert isinstance(fleet_of([models], workers), kind)
