"""Refinement at a finer spacing: nearer to the truth, on the scan's own grid, discarded where it fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from learning_functions.inference.iterative.finer_masks import refined
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.spec import Spec
from learning_functions.task import Settings, load_task
from learning_functions.task_options.instance_options import InstanceOptions
from tests.inference.iterative.spine_truth import spine
from tests.inference.iterative.test_iterative_segmenter import PADDING, TOP, Reader
from tests.model_files.test_card_threshold import Faint
from tests.views import view_of
from utility_functions.anatomy.labels import CSI_LEVELS, USUAL_VERTEBRAE, VERSE_IDS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import VertebraMap

LEVEL_OF = {VERSE_IDS[name]: CSI_LEVELS[name] for name in USUAL_VERTEBRAE}


def truth_of(axcodes: str) -> VertebraMap:
    """Four vertebrae at 2 mm, in VerSe's ids."""
    labels = ndimage.zoom(spine(4), 2, order=0)
    ids = np.array([0, *(VERSE_IDS[USUAL_VERTEBRAE[TOP - 1 + i]] for i in range(4))], np.uint8)
    return VertebraMap(ids[labels], Grid.from_spacing(labels.shape, 2.0, (-40, -30, 500))).reoriented(axcodes)


def settings(direction: str, patch: tuple[int, int, int]) -> Settings:
    spec = Spec((4.0, 4.0, 4.0), "RAS", patch, 1, ("vertebra",))
    return Settings(
        "small", spec, 1, 2, 2, 0.9, 1, 1, 1e-3, options=InstanceOptions(direction=direction, refine_mm=(2.0, 2.0, 2.0))
    )


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("patch", "axcodes"), [((48, 48, 32), "RAS"), ((20, 20, 16), "PIR")])
def test_masks_come_nearer_to_the_truth(patch: tuple[int, int, int], axcodes: str, direction: str) -> None:
    truth = truth_of(axcodes)
    coarse = resample(truth, truth.grid.upright(4.0).padded((0, 1, 0), (1, 0, 0)))
    restored = resample(coarse, truth.grid)

    def image_at(grid: Grid) -> Volume:
        ids = resample(truth, grid).voxels
        levels = np.vectorize(lambda number: LEVEL_OF.get(number, 0))(ids) if ids.any() else ids
        return Volume((levels / 100).astype(np.float32), grid)

    network = Reader(image_at(coarse.grid), direction)
    view = view_of(image_at(coarse.grid), padding=PADDING, scan=truth.grid).having(image_at=image_at)
    found = refined(network, settings(direction, patch), view, StageFindings(instances=coarse))
    assert found.instances is not None and found.instances.grid is truth.grid
    wrong = (found.instances.voxels != truth.voxels).sum()
    assert wrong <= 0.2 * (restored.voxels != truth.voxels).sum() + 20 and not found.notes
    assert {shape[1:4] for shape in network.batches} == {patch}


@pytest.mark.parametrize(("threshold", "is_refined"), [(0.5, False), (0.4, True)])
def test_the_threshold_is_that_of_the_card(threshold: float, is_refined: bool) -> None:
    truth = truth_of("RAS")
    coarse = resample(truth, truth.grid.upright(4.0))
    chosen = settings("down", (48, 48, 32))
    chosen = chosen.with_options(threshold=threshold)

    def image_at(grid: Grid) -> Volume:
        levels = np.vectorize(lambda number: LEVEL_OF.get(number, 0))(resample(truth, grid).voxels)
        return Volume((levels / 100).astype(np.float32), grid)

    view = view_of(image_at(coarse.grid), padding=PADDING, scan=truth.grid).having(image_at=image_at)
    found = refined(Faint(image_at(coarse.grid)), chosen, view, StageFindings(instances=coarse))
    assert found.notes == (() if is_refined else ("Masks not refined, left at the coarse spacing: T12, L1, L2, L3.",))


def test_where_the_network_fails_the_coarse_masks_stay() -> None:
    truth = truth_of("RAS")
    coarse = resample(truth, truth.grid.upright(4.0))

    def image_at(grid: Grid) -> Volume:
        return Volume(np.zeros(grid.shape, np.float32), grid)

    view = view_of(image_at(coarse.grid), padding=PADDING, scan=truth.grid).having(image_at=image_at)
    found = refined(Reader(truth), settings("down", (20, 20, 16)), view, StageFindings(instances=coarse))
    assert found.instances is not None
    assert (found.instances.voxels == resample(coarse, truth.grid).voxels).all()
    assert found.notes == ("Masks not refined, left at the coarse spacing: T12, L1, L2, L3.",)


def test_a_model_refines_where_its_card_says_so() -> None:
    """Traversed, resampled and refined as measure.py does, on a scan stored in another orientation."""
    labels = spine(4)
    levels = np.where(labels > 0, labels.astype(int) + TOP - 1, 0)
    spec = settings("down", (20, 20, 16)).spec
    (low, high), grid = spec.window, Grid.from_spacing(labels.shape, 4.0, (-40, -30, 500))
    scan = Volume((levels / 100 * (high - low) / 2 + (low + high) / 2).astype(np.float32), grid).reoriented("PIR")
    task = load_task("instances")
    found, counts = [], []
    for refine_mm in (None, (4.0, 4.0, 4.0)):
        network: Any = Reader(scan)
        model = TrainedModel(Path("m.h5"), "instances", task, settings("down", spec.patch), network, {})
        model = replace(model, settings=model.settings.with_options(refine_mm=refine_mm))
        found.append(run_models([model], scan))
        counts.append(len(network.batches))
    assert counts[1] > counts[0] and found[1].notes == ()
    ids = np.array([0, *(VERSE_IDS[USUAL_VERTEBRAE[TOP - 1 + i]] for i in range(4))], np.uint8)
    truth = LabelMap(ids[labels], grid).reoriented("PIR")
    for each in found:
        assert each.instances is not None and (each.instances.voxels == truth.voxels).all()
        assert each.trail is not None and each.landmarks is not None and len(each.landmarks) == 4
