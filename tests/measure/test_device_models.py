"""Models by the modality of each scan where the user names none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from learning_functions.measure.device_models import UNTOLD_MR, DeviceModels, records_of
from learning_functions.measure.plan import Plan
from learning_functions.model_files.pretrained import FAST_MODELS, FINDER, MR_MODELS, SHIPPED_MODELS
from learning_functions.options import InferenceOptions
from learning_functions.predict.stage_order import outlines
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


def scan(lowest: float, **case: object) -> Scan:
    voxels = np.linspace(lowest, 1000, 1000).reshape(10, 10, 10).astype(np.float32)
    return Scan(replace(Case("a", Path("a.nii.gz")), **case), Volume(voxels, Grid.from_spacing((10, 10, 10), 3.0)))


def outline(path: Path) -> SimpleNamespace:
    found = outlines([path])
    assert found is not None
    return found[0]  # type: ignore[return-value]


@pytest.mark.parametrize(("models", "ct"), [((), SHIPPED_MODELS), ((Path("fast"),), FAST_MODELS)])
def test_each_scan_has_the_models_of_its_modality_loaded_once(models: tuple[Path, ...], ct: tuple[str, ...]) -> None:
    opened: list[str] = []

    def load(path: Path) -> SimpleNamespace:
        opened.append(path.name)
        return outline(path)

    device = DeviceModels(Plan(models, InferenceOptions()), load)  # type: ignore[arg-type]
    assert not device.models
    placed, chosen = device.placed(scan(-1000))
    assert placed.case.modality == "CT" and [model.path.name for model in chosen] == list(ct)
    placed, chosen = device.placed(scan(0))
    assert placed.case.modality == "MR" and placed.notes == (UNTOLD_MR,)
    assert [model.path.name for model in chosen] == list(MR_MODELS)
    told, _ = device.placed(scan(0, modality="MR", modality_told=True))
    assert not told.notes
    device.placed(scan(-1000))
    assert sorted(opened) == sorted({*ct, *MR_MODELS})


def test_named_models_run_on_any_scan() -> None:
    plan = Plan((Path("detection"),), InferenceOptions())
    named = [outline(plan.model_paths[0])]
    device = DeviceModels(plan, outline, named)  # type: ignore[arg-type]
    given = scan(0)
    assert device.placed(given) == (given, named) and device.models == named
    assert not plan.choice


def test_records_are_of_all_models_that_may_run() -> None:
    names = [record.path.name for record in records_of(Plan((), InferenceOptions()))]
    assert names == [*SHIPPED_MODELS, *MR_MODELS, FINDER]
    everywhere = records_of(Plan((), InferenceOptions(search="everywhere")))
    assert [record.path.name for record in everywhere] == [*SHIPPED_MODELS, *MR_MODELS]
