"""Input and output of a model: maps on the required grid, and refusal of unusable axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from learning_functions.inference.scan_view import ScanView
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.trained_model import TrainedModel, require_upright_slices
from learning_functions.task import load_task
from tests.oracle import oracle_models, oracle_scan
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import BodyMap, SpiderMap, TubeMap

SCAN = Grid.from_spacing((7, 9, 11), (2.0, 2.0, 3.0), axcodes="PIR")


def model_that(
    predict: Callable[[ScanView], StageFindings], gives: tuple[str, ...], may_give: tuple[str, ...] = ()
) -> TrainedModel:
    """A model of a task without requirements; its network is not called."""
    task: Any = SimpleNamespace(
        needs=(),
        uses=("numbered",),
        gives=gives,
        may_give=may_give,
        tells_orientation=False,
        shown=lambda grid, _: grid,
        predict=lambda _, __, view: predict(view),
    )
    settings = load_task("detection").presets["small"]
    return TrainedModel(Path("model.h5"), "new", task, settings, keras.Sequential(), {})


def test_every_map_is_brought_to_the_grid_where_it_is_needed() -> None:
    def predict(view: ScanView) -> StageFindings:
        image, numbered = view.image, view.findings.numbered
        assert numbered is not None and numbered.grid is image.grid
        assert view.findings.heatmap is None, "maps that the task does not read are not resampled"
        heatmap = Volume(np.full(image.grid.shape, 0.5, np.float32), image.grid)
        return StageFindings(heatmap=heatmap, instances=BodyMap(np.ones(image.grid.shape, np.uint8), image.grid))

    discs = SpiderMap(np.ones(SCAN.shape, np.uint8), SCAN)
    response = Volume(np.ones(SCAN.shape, np.float32), SCAN)
    before = Findings("scan", SCAN, numbered=discs, heatmap=response)
    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    found = run_models([model_that(predict, ("heatmap", "instances"))], volume, before=before)
    assert found.heatmap is not None and found.instances is not None
    assert found.grid is SCAN and found.heatmap.grid is SCAN and found.instances.grid is SCAN
    np.testing.assert_allclose(found.heatmap.voxels, 0.5)
    assert isinstance(found.instances, BodyMap), "a map keeps its type"
    assert found.numbered is discs, "earlier findings are returned unchanged"
    assert found.detection is None


def test_maps_of_other_tasks_are_not_returned() -> None:
    def predict(view: ScanView) -> StageFindings:
        ones, grid = np.ones(view.image.grid.shape, np.uint8), view.image.grid
        return StageFindings(detection=TubeMap(ones, grid), instances=BodyMap(ones, grid))

    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    found = run_models([model_that(predict, ("detection",))], volume)
    assert set(found.maps) == {"detection"}


def test_an_optional_map_replaces_the_earlier_one_only_where_it_is_given() -> None:
    def predict(view: ScanView) -> StageFindings:
        return StageFindings(instances=BodyMap(np.ones(view.image.grid.shape, np.uint8), view.image.grid))

    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    detection = TubeMap(np.ones(SCAN.shape, np.uint8), SCAN)
    model = model_that(predict, (), ("instances", "detection"))
    found = run_models([model], volume, before=Findings("scan", SCAN, detection=detection))
    assert found.detection is detection and found.instances is not None and found.instances.voxels.all()


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "LAS", "RPS"])
def test_left_right_first_and_upwards_third_can_be_run(axcodes: str) -> None:
    require_upright_slices(replace(load_task("detection").presets["small"].spec, axcodes=axcodes))


@pytest.mark.parametrize("axcodes", ["PIR", "RAI", "ARS", "SAR", "RSA"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_model_on_other_axes_is_refused(
    axcodes: str, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learning_functions.predict import trained_model

    path = oracle_models(tmp_path)[place]
    network, card = trained_model.load_model(path)
    for spec in (card["spec"], card["settings"]["spec"]):
        spec["axcodes"] = axcodes
    monkeypatch.setattr(trained_model, "load_model", lambda _: (network, card))
    with pytest.raises(BrokenFile, match=rf"The card of .*{path.name} cannot be used.* Received: {axcodes}\."):
        TrainedModel.load(path)


def test_findings_other_than_maps_stay() -> None:
    scan = oracle_scan(4.0, shape=(8, 8, 8))
    findings = Findings("scan", scan.grid, completeness={"L1": 0.5}, notes=("a note",))
    assert findings.maps == {}


def test_mr_with_very_large_values_is_normalised_like_samples() -> None:
    images: list[np.ndarray] = []

    def predict(view: ScanView) -> StageFindings:
        images.append(view.image.voxels)
        return StageFindings()

    voxels = np.random.default_rng(2).gamma(2.0, 300.0, SCAN.shape).astype(np.float32)
    model = model_that(predict, ())
    spec = replace(model.settings.spec, intensity="zscore", window=(-1024.0, 32767.0))
    model = replace(model, settings=model.settings.changed(spec=spec))
    for factor in (1.0, 60.0):
        run_models([model], Volume(voxels * np.float32(factor), SCAN))
    np.testing.assert_allclose(images[1], images[0], atol=1e-3)
