"""Network calls of a traversal over a whole scan: from centroids and from a heatmap against sliding from a corner.

How much is saved hangs on how much of the scan is not spine, so it is told for a wide scan of the trunk and for a
narrow one that the spine fills. An oracle answers from the truth, so that all ways find the same. With
saved_models/instances.h5, and the detection and identification models, the real network is counted too, on a phantom of
the trunk and on one of a lumbar spine.
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
HEAT_STEP = 8
REAL_REGIONS = ("trunk", "lumbar")
MODEL = Path(__file__).resolve().parents[1] / "saved_models" / "instances.h5"


class Scene(NamedTuple):
    """A scan of ``shape`` mm with so many vertebrae, the uppermost of which begins at ``top``."""

    name: str
    shape: tuple[int, int, int]
    count: int
    top: int


SCENES = (Scene("trunk", (400, 400, 600), 18, 560), Scene("spine alone", (256, 256, 600), 24, 600))
"""The first shows 110 mm below the spine, the second nothing but it."""


def spine(scene: Scene) -> NDArray[np.uint8]:
    """Vertebrae 1 to ``scene.count`` from the top down, body and process, on a bent line."""
    labels = np.zeros(scene.shape, np.uint8)
    right, front = scene.shape[0] / 2, 0.375 * scene.shape[1]
    for number in range(1, scene.count + 1):
        height = scene.top - STEP * (number - 0.5)
        at = np.array([right + 8 * np.sin(number / 3), front + 20 * np.cos(number / 5), height])
        low, high = (np.clip((at + side * REACH).astype(int), 0, scene.shape) for side in (-1, 1))
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        x, y, z = (axis - middle for axis, middle in zip(np.ogrid[box], at, strict=True))
        body = (x / 22) ** 2 + ((y - 12) / 17) ** 2 < 1
        process = (np.abs(x) < 5) & (y < 0) & (y > -45) & (np.abs(z) < 5)
        labels[box][body & (np.abs(z) < 9) | process] = number
    return labels


class Oracle:
    """Shows the uppermost vertebra that memory does not hold and of which the patch shows enough; counts its calls."""

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        self.labels, self.count, self.calls = labels, int(labels.max()), 0

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], meant: VoxelPoint | None = None
    ) -> PatchPrediction:
        self.calls += 1
        seen = np.zeros(PATCH, np.uint8)
        there, inner = overlap(corner, PATCH, self.labels.shape)
        seen[inner] = self.labels[there]
        counts = np.bincount(seen[memory == 0], minlength=self.count + 1)
        wholes = np.bincount(seen.ravel(), minlength=self.count + 1)
        voxel_mm3 = float(np.prod(SPACING_MM))
        for number in range(1, self.count + 1):
            if counts[number] * voxel_mm3 >= Rules().smallest_fragment_mm3 and counts[number] > wholes[number] / 2:
                return PatchPrediction((seen == number).astype(np.float16), 1.0, float(number))
        return PatchPrediction(np.zeros(PATCH, np.float16), 0.0, 0.0)


def walked(labels: NDArray[np.uint8], start: Seeds, rules: Rules) -> tuple[int, Traversal, float]:
    """Calls, what was found, and the largest memory in MB that the traversal took for itself."""
    oracle = Oracle(labels)
    tracemalloc.start()
    done = traverse(oracle, labels.shape, PATCH, SPACING_MM, "down", [start], rules)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return oracle.calls, done, peak


def with_the_real_network() -> None:
    """The shipped models on phantoms: looks with and without what is found before."""
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.model_files.pretrained import SHIPPED, SHIPPED_MODELS
    from learning_functions.predict.pipeline import load_models, run_models
    from utility_functions.phantom.scanner import make_phantom

    by_way = {"centroids": load_models([*(SHIPPED / name for name in SHIPPED_MODELS), MODEL])}
    by_way["corner"] = load_models([MODEL])
    for region in REAL_REGIONS:
        scan = make_phantom(np.random.default_rng(900), "phantom", region, 2.0).volume
        predictions, found, drawn = {}, {}, {}
        for way, models in by_way.items():
            findings = run_models(models, scan, "phantom")
            predictions[way] = 0 if findings.trail is None else findings.trail.predictions
            drawn[way] = 0 if findings.trail is None else findings.trail.second_pass_predictions
            found[way] = 0 if findings.landmarks is None else len(findings.landmarks.only(VERTEBRAE))
        ratio = predictions["corner"] / max(predictions["centroids"], 1)
        print(
            f"traversal by {MODEL.name}, {region} phantom: {predictions['centroids']} looks from centroids for "
            f"{found['centroids']} vertebrae, {predictions['corner']} from the corner for {found['corner']}, "
            f"{ratio:.1f}x fewer (floor {FLOOR}x); to draw them once more {drawn['centroids']} and {drawn['corner']}"
        )


def tell(scene: Scene) -> None:
    """One line for each way into a scene."""
    labels = spine(scene)
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, range(1, scene.count + 1)))
    hot = spine_response(centres / HEAT_STEP, [n // HEAT_STEP for n in scene.shape], 4.0).astype(np.float16)
    for axis in range(3):
        hot = np.repeat(hot, HEAT_STEP, axis)
    slid, by_sliding, _ = walked(labels, CornerSeeds(scene.shape, PATCH, "down"), Rules())
    ways: list[tuple[str, Seeds, Rules]] = [
        ("centroids", CentroidSeeds(centres, "down"), Rules()),
        ("a heatmap", HeatmapSeeds(hot, PATCH, "down"), Rules(agreeing_centres=3)),
    ]
    for name, start, rules in ways:
        calls, done, peak = walked(labels, start, rules)
        same = len(done.found) == len(by_sliding.found) == scene.count and bool(
            (done.memory == by_sliding.memory).all()
        )
        print(
            f"traversal, {scene.name}, {scene.count} vertebrae in {scene.shape}: {calls} calls from {name}, "
            f"{slid} from the corner, {slid / calls:.1f}x fewer (floor {FLOOR}x), equal: {same}, "
            f"{peak:.0f} MB beside the image ({peak * 1e6 / labels.size:.1f} bytes a voxel)"
        )


def main() -> None:
    for scene in SCENES:
        tell(scene)
    if MODEL.is_file():
        with_the_real_network()


if __name__ == "__main__":
    main()
