"""A traversal along a spine heatmap: it starts at the top, three centres agree, and it ends with the heatmap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from learning_functions.inference.iterative.iterative_segmenter import NOTHING, TOP_DOWN, seeds_of
from learning_functions.predict.pipeline import in_stage_order
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.task import load_task
from tests.inference.iterative.test_iterative_segmenter import PATCH, Reader, scan_of, traversed
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.heatmaps import spine_response
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.trail import FOUND

SIGMA_VOXELS = 6.0


def with_heatmap(truth: LabelMap) -> Findings:
    """Findings with the heatmap of a truth, as float16, which models give."""
    places = truth.grid.to_index(body_centroids(truth).points_mm)
    heatmap = spine_response(places, truth.grid.shape, SIGMA_VOXELS).astype(np.float16)
    return Findings("scan", truth.grid, heatmap=Volume(heatmap, truth.grid))


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("count", [1, 5, 9])
def test_every_vertebra_is_found_from_the_heatmap_alone(count: int, direction: str) -> None:
    image, truth = scan_of(count, top=12)
    network = Reader(image, direction)
    found = traversed(image, network, with_heatmap(truth), direction=direction)
    assert found.instances is not None and (found.instances.voxels == truth.voxels).all()
    assert found.landmarks is not None and found.landmarks.names == body_centroids(truth).names
    assert found.trail is not None and found.trail.start == "heat"
    assert len(network.batches) <= 4 * count + 4


def test_the_first_patch_is_at_the_top_of_the_heatmap() -> None:
    image, truth = scan_of(4)
    findings = with_heatmap(truth)
    assert findings.heatmap is not None
    first = traversed(image, Reader(image), findings).trail.steps[0].position  # type: ignore[union-attr]
    heatmap = findings.heatmap.voxels.astype(np.float32)
    z = np.flatnonzero((heatmap >= 0.3).any(axis=(0, 1)))[-1]
    x, y = np.unravel_index(heatmap[..., z].argmax(), heatmap.shape[:2])
    assert np.abs(image.grid.to_index(first) - (x, y, z)).max() <= 0.5


def test_a_vertebra_is_kept_when_the_last_three_centres_agree() -> None:
    """Or at once where the patch would not move, because the next prediction would be the same."""
    image, truth = scan_of(5)
    trail = traversed(image, Reader(image), with_heatmap(truth)).trail
    assert trail is not None
    places = [image.grid.to_index(step.position) for step in trail.steps]
    kept = [number for number, step in enumerate(trail.steps) if step.decision == FOUND]
    boxes = [ndimage.find_objects((truth.voxels == label).astype(np.uint8))[0] for label in np.unique(truth.voxels)[1:]]
    assert len(kept) == len(boxes)
    for number, box in zip(kept, boxes, strict=True):
        middle = np.array([(axis.start + axis.stop - 1) / 2 for axis in box])
        before = places[number - 1] if number else np.full(3, np.inf)
        assert (places[number] != before).any()
        apart = np.ptp([before, places[number], middle], axis=0).max()
        assert apart <= TOP_DOWN.converged_voxels or np.abs(places[number] - middle).max() <= 0.5


def test_a_traversal_ends_where_the_heatmap_does() -> None:
    image, truth = scan_of(9, top=12)
    findings = with_heatmap(truth)
    assert findings.heatmap is not None
    heatmap = findings.heatmap.voxels.copy()
    lowest = np.argwhere(truth.voxels == np.unique(truth.voxels)[6])[:, 2].min()
    heatmap[:, :, :lowest] = 0  # six from the top stay above the threshold
    found = traversed(image, Reader(image), findings.having(heatmap=Volume(heatmap, image.grid)))
    assert found.landmarks is not None and len(found.landmarks) == 6
    assert found.trail is not None and found.trail.ended == "end of the heatmap"


def test_known_centroids_come_before_the_heatmap_and_it_before_the_corner() -> None:
    image, truth = scan_of(3)
    findings = with_heatmap(truth)
    named = findings.having(landmarks=body_centroids(truth))
    kinds = [[start.name for start in seeds_of(each, image, PATCH, "down")] for each in (findings, named)]
    assert kinds == [["heat", "corner"], ["centroids", "corner"]]


def test_a_false_heatmap_leads_to_the_corner_and_to_nothing() -> None:
    image, truth = scan_of(3)
    blank = image.with_voxels(np.zeros_like(image.voxels))
    assert traversed(blank, Reader(blank), with_heatmap(truth)).notes == (NOTHING,)


def test_a_heatmap_on_another_grid_is_refused() -> None:
    image, truth = scan_of(3)
    heatmap = with_heatmap(truth).heatmap
    assert heatmap is not None
    other = Volume(heatmap.voxels, Grid.from_spacing(image.grid.shape, 5.0))
    with pytest.raises(ValueError, match="must lie on one grid"):
        seeds_of(Findings("s", other.grid, heatmap=other), image, PATCH, "down")


def test_instances_run_after_the_heatmap_they_use() -> None:
    models = [
        TrainedModel(None, name, load_task(name), None, None, {})  # type: ignore[arg-type]
        for name in ("instances", "spine_heatmap")
    ]
    assert [model.task_name for model in in_stage_order(models)] == ["spine_heatmap", "instances"]
