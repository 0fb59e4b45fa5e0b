"""Network calls of a traversal over a whole scan, from centroids and from a heatmap, against sliding from a corner.

The saving depends on how much of the scan is not spine. It is therefore reported for a wide scan of the trunk and for a
narrow scan that the spine fills. An oracle predicts from the truth, so that all seeds find the same vertebrae. Where
saved_models/instances.h5 exists, the shipped models run as well, on phantoms of the trunk and of a lumbar spine.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.patch_prediction import PatchPrediction, VoxelPoint
from learning_functions.inference.iterative.seeds import CentroidSeeds, CornerSeeds, HeatmapSeeds, Seeds
from learning_functions.inference.iterative.traversal import Rules, Traversal, traverse
from utility_functions.anatomy.heatmaps import spine_response
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.geometry.boxes import overlap

FLOOR = 4
SPACING_MM = (1.0, 1.0, 1.0)
PATCH = (128, 128, 128)
STEP = 25
REACH = np.array((30, 50, 11))
HEATMAP_STEP = 8
REAL_REGIONS = ("trunk", "lumbar")
MODEL = Path(__file__).resolve().parents[1] / "saved_models" / "instances.h5"


class Scene(NamedTuple):
    """A scan of ``shape`` mm with a number of vertebrae; ``top``: the upper end of the highest one in mm."""

    name: str
    shape: tuple[int, int, int]
    vertebrae: int
    top: int


SCENES = (Scene("trunk", (400, 400, 600), 18, 560), Scene("spine alone", (256, 256, 600), 24, 600))
"""The first extends 110 mm below the spine; the spine fills the second."""


def spine(scene: Scene) -> NDArray[np.uint8]:
    """Vertebrae 1 to ``scene.vertebrae`` from the top down, body and process, along a curve."""
    labels = np.zeros(scene.shape, np.uint8)
    right, front = scene.shape[0] / 2, 0.375 * scene.shape[1]
    for number in range(1, scene.vertebrae + 1):
        height = scene.top - STEP * (number - 0.5)
        centre = np.array([right + 8 * np.sin(number / 3), front + 20 * np.cos(number / 5), height])
        low, high = (np.clip((centre + side * REACH).astype(int), 0, scene.shape) for side in (-1, 1))
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        x, y, z = (axis - middle for axis, middle in zip(np.ogrid[box], centre, strict=True))
        body = (x / 22) ** 2 + ((y - 12) / 17) ** 2 < 1
        process = (np.abs(x) < 5) & (y < 0) & (y > -45) & (np.abs(z) < 5)
        labels[box][body & (np.abs(z) < 9) | process] = number
    return labels


class Oracle:
    """Predicts the highest vertebra that is not in memory and of which the patch shows enough; counts its calls."""

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        self.labels, self.count, self.calls = labels, int(labels.max()), 0

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], prompt: VoxelPoint | None = None
    ) -> PatchPrediction:
        self.calls += 1
        patch = np.zeros(PATCH, np.uint8)
        in_scan, in_patch = overlap(corner, PATCH, self.labels.shape)
        patch[in_patch] = self.labels[in_scan]
        counts = np.bincount(patch[memory == 0], minlength=self.count + 1)
        wholes = np.bincount(patch.ravel(), minlength=self.count + 1)
        voxel_mm3 = float(np.prod(SPACING_MM))
        for number in range(1, self.count + 1):
            if counts[number] * voxel_mm3 >= Rules().smallest_fragment_mm3 and counts[number] > wholes[number] / 2:
                return PatchPrediction((patch == number).astype(np.float16), 1.0, float(number))
        return PatchPrediction(np.zeros(PATCH, np.float16), 0.0, 0.0)


def traversed(labels: NDArray[np.uint8], seeds: Seeds, rules: Rules) -> tuple[int, Traversal, float]:
    """The number of calls, the traversal, and its peak memory in MB."""
    oracle = Oracle(labels)
    tracemalloc.start()
    found = traverse(oracle, labels.shape, PATCH, SPACING_MM, "down", [seeds], rules)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return oracle.calls, found, peak


def with_shipped_models() -> None:
    """Prints the patch predictions of the shipped models on phantoms, with and without centroids."""
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.model_files.pretrained import SHIPPED, SHIPPED_MODELS
    from learning_functions.predict.pipeline import load_models, run_models
    from utility_functions.phantom.scanner import make_phantom

    by_seeds = {"centroids": load_models([*(SHIPPED / name for name in SHIPPED_MODELS), MODEL])}
    by_seeds["corner"] = load_models([MODEL])
    for region in REAL_REGIONS:
        scan = make_phantom(np.random.default_rng(900), "phantom", region, 2.0).volume
        predictions, found, second_pass = {}, {}, {}
        for seeds, models in by_seeds.items():
            findings = run_models(models, scan, "phantom")
            predictions[seeds] = 0 if findings.trail is None else findings.trail.predictions
            second_pass[seeds] = 0 if findings.trail is None else findings.trail.second_pass_predictions
            found[seeds] = 0 if findings.landmarks is None else len(findings.landmarks.only(VERTEBRAE))
        ratio = predictions["corner"] / max(predictions["centroids"], 1)
        print(
            f"traversal by {MODEL.name}, {region} phantom: {predictions['centroids']} patch predictions from centroids "
            f"({found['centroids']} vertebrae), {predictions['corner']} from the corner ({found['corner']} vertebrae), "
            f"{ratio:.1f}x fewer (floor {FLOOR}x); second pass {second_pass['centroids']} and {second_pass['corner']}"
        )


def compare(scene: Scene) -> None:
    """Prints a line for each kind of seeds in a scene."""
    labels = spine(scene)
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, scene.vertebrae + 1)))
    heatmap = spine_response(centres / HEATMAP_STEP, [n // HEATMAP_STEP for n in scene.shape], 4.0).astype(np.float16)
    for axis in range(3):
        heatmap = np.repeat(heatmap, HEATMAP_STEP, axis)
    corner_calls, from_corner, _ = traversed(labels, CornerSeeds(scene.shape, PATCH, "down"), Rules())
    kinds: list[tuple[str, Seeds, Rules]] = [
        ("centroids", CentroidSeeds(centres, "down"), Rules()),
        ("a heatmap", HeatmapSeeds(heatmap, PATCH, "down"), Rules(agreeing_centres=3)),
    ]
    for name, seeds, rules in kinds:
        calls, found, peak = traversed(labels, seeds, rules)
        same = len(found.found) == len(from_corner.found) == scene.vertebrae and bool(
            (found.memory == from_corner.memory).all()
        )
        print(
            f"traversal, {scene.name}, {scene.vertebrae} vertebrae in {scene.shape}: {calls} calls from {name}, "
            f"{corner_calls} from the corner, {corner_calls / calls:.1f}x fewer (floor {FLOOR}x), equal: {same}, "
            f"{peak:.0f} MB beside the image ({peak * 1e6 / labels.size:.1f} bytes a voxel)"
        )


def main() -> None:
    for scene in SCENES:
        compare(scene)
    if MODEL.is_file():
        with_shipped_models()


if __name__ == "__main__":
    main()
