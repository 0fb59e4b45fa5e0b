"""What a model hands on: every map on the scan's own grid, whatever its field, and only models of a usable grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from learning_functions.predict.trained_model import TrainedModel, require_upright_slices
from learning_functions.task import Running, load_task
from tests.oracle import oracle_models, oracle_scan
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings

SCAN = Grid.from_spacing((7, 9, 11), (2.0, 2.0, 3.0), axcodes="PIR")
OTHER = Grid.from_spacing((7, 9, 11), 5.0)


@dataclass(frozen=True)
class MoreFindings(Findings):
    """Findings with maps that a later task may add."""

    likelihood: Volume | None = None
    discs: LabelMap | None = None


def model_that(
    predict: Callable[[Volume, Findings], Findings], gives: tuple[str, ...], may_give: tuple[str, ...] = ()
) -> TrainedModel:
    """A model of a task that needs nothing and predicts so; its network is never asked."""
    task: Any = SimpleNamespace(
        needs=(),
        gives=gives,
        may_give=may_give,
        predict=lambda _, __, image, found, *___: predict(image, found),
        refine=lambda _, __, ___, ____, restored, *_____: restored,
    )
    settings = load_task("detection").presets["small"]
    return TrainedModel(Path("model.h5"), "new", task, settings, keras.Sequential(), {})


def test_a_map_in_a_new_field_is_brought_to_the_scan_s_grid() -> None:
    def predict(image: Volume, found: Findings) -> Findings:
        assert isinstance(found, MoreFindings)
        assert found.discs is not None and found.discs.grid is image.grid
        likelihood = Volume(np.full(image.grid.shape, 0.5, np.float32), image.grid)
        return found.having(likelihood=likelihood, instances=LabelMap(np.ones(image.grid.shape, np.uint8), image.grid))

    discs = LabelMap(np.ones(SCAN.shape, np.uint8), SCAN)
    before = MoreFindings("scan", SCAN, discs=discs)
    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    found = model_that(predict, ("likelihood", "instances")).run(volume, before, Running())
    assert isinstance(found, MoreFindings) and found.likelihood is not None and found.instances is not None
    assert found.grid is SCAN and found.likelihood.grid is SCAN and found.instances.grid is SCAN
    np.testing.assert_allclose(found.likelihood.voxels, 0.5)
    assert found.discs is discs, "what was given is handed on untouched"
    assert found.detection is None


def test_a_map_that_the_task_does_not_give_is_not_handed_on() -> None:
    def predict(image: Volume, found: Findings) -> Findings:
        ones = LabelMap(np.ones(image.grid.shape, np.uint8), image.grid)
        return found.having(detection=ones, instances=ones)

    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    found = model_that(predict, ("detection",)).run(volume, Findings("scan", SCAN), Running())
    assert set(found.maps) == {"detection"}


def test_a_map_that_a_task_may_give_is_handed_on_where_it_does_and_else_stays_as_it_was() -> None:
    def predict(image: Volume, found: Findings) -> Findings:
        return found.having(instances=LabelMap(np.ones(image.grid.shape, np.uint8), image.grid))

    volume = Volume(np.zeros(SCAN.shape, np.int16), SCAN)
    detection = LabelMap(np.ones(SCAN.shape, np.uint8), SCAN)
    model = model_that(predict, (), ("instances", "detection"))
    found = model.run(volume, Findings("scan", SCAN, detection=detection), Running())
    assert found.detection is detection and found.instances is not None and found.instances.voxels.all()


@pytest.mark.parametrize("name", ["detection", "instances", "likelihood", "discs"])
def test_no_map_lies_on_another_grid_than_the_scan(name: str) -> None:
    stray = LabelMap(np.zeros(OTHER.shape, np.uint8), OTHER)
    with pytest.raises(ValueError, match=f"The {name} and the scan"):
        MoreFindings("scan", SCAN, **{name: stray})


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


def test_what_is_not_a_map_is_left_as_it_is() -> None:
    scan = oracle_scan(4.0, shape=(8, 8, 8))
    findings = Findings("scan", scan.grid, completeness={"L1": 0.5}, notes=("a note",))
    assert findings.maps == {}


def test_mr_far_beyond_its_usual_numbers_is_seen_as_samples_hold_it() -> None:
    seen: list[np.ndarray] = []

    def predict(image: Volume, found: Findings) -> Findings:
        seen.append(image.voxels)
        return found

    voxels = np.random.default_rng(2).gamma(2.0, 300.0, SCAN.shape).astype(np.float32)
    model = model_that(predict, ())
    spec = replace(model.settings.spec, intensity="zscore", window=(-1024.0, 32767.0))
    model = replace(model, settings=model.settings.changed(spec=spec))
    for factor in (1.0, 60.0):
        model.run(Volume(voxels * np.float32(factor), SCAN), Findings("scan", SCAN), Running())
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-3)
