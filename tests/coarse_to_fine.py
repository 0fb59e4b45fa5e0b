"""Models that start from heatmaps, with weights set by hand, correct on the scans of tests/oracle.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from learning_functions.model_files.model_file import save_model
from learning_functions.task import Settings, load_task
from tests.oracle import AIR, BASE, STEP
from utility_functions.anatomy.labels import CSI_LEVELS

HIGHEST = 1000.0
PATCH = (16, 16, 16)
MARKED = 20.0
"""The least mark (0 to 255) within which a mask reaches."""


def normalised(hu: float) -> float:
    """An intensity as normalised for networks."""
    return 2 * (hu - AIR) / (HIGHEST - AIR) - 1


BRIGHT = normalised((AIR + BASE) / 2)
"""Between air and a vertebra."""


def saved(name: str, network: keras.Model, path: Path, **options: object) -> Path:
    """The network as a model file of a task, at 2 mm."""
    settings = load_task(name).presets["small"]
    spec = replace(settings.spec, spacing_mm=(2.0, 2.0, 2.0), patch=PATCH, window=(AIR, HIGHEST))
    settings: Settings = settings.changed(spec=spec).with_options(**options)
    save_model(network, path, {"task": name, "spec": spec.to_json(), "settings": settings.to_json(), "training": {}})
    return path


def coarse_to_fine_models(folder: Path) -> list[Path]:
    """A spine heatmap wherever it is bright, landmarks in the middle of each level, a mask round each landmark."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        spine_heatmap(folder / "spine_heatmap.h5"),
        vertebra_heatmaps(folder / "vertebra_heatmaps.h5"),
        vertebra_masks(folder / "vertebra_masks.h5"),
    ]


def spine_heatmap(path: Path) -> Path:
    image = keras.Input((*PATCH, 1))
    layer = keras.layers.Conv3D(1, 1, activation="sigmoid")
    network = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 1, 1, 1), 100.0), np.array([-100.0 * BRIGHT])])
    return saved("spine_heatmap", network, path)


def vertebra_heatmaps(path: Path) -> Path:
    """A response of 1 at the intensity of a level, falling to 0 half a step away: a triangle of three ramps."""
    levels = load_task("vertebra_heatmaps").presets["small"].spec.labels
    half = (normalised(STEP) - normalised(0.0)) / 2
    ramps, sharp = [], 1 / half
    for name in levels:
        centre = normalised(BASE + STEP * CSI_LEVELS[name]) if name in CSI_LEVELS else 100.0
        ramps += [1 - sharp * centre, -sharp * centre, -1 - sharp * centre]
    image = keras.Input((*PATCH, 1))
    first = keras.layers.Conv3D(len(ramps), 1, activation="relu")
    second = keras.layers.Conv3D(len(levels), 1, use_bias=False)
    network = keras.Model(image, second(first(image)))
    first.set_weights([np.full((1, 1, 1, 1, len(ramps)), sharp), np.array(ramps)])
    weights = np.zeros((len(ramps), len(levels)))
    for place in range(len(levels)):
        weights[3 * place : 3 * place + 3, place] = (1.0, -2.0, 1.0)
    second.set_weights([weights.reshape(1, 1, 1, *weights.shape)])
    return saved("vertebra_heatmaps", network, path)


def vertebra_masks(path: Path) -> Path:
    """A vertebra wherever the image is bright and the landmark prompt is not 0."""
    both = keras.Input((*PATCH, 2))
    ramps = keras.layers.Conv3D(2, 1, activation="sigmoid")
    mask = keras.layers.Conv3D(1, 1, activation="sigmoid")
    network = keras.Model(both, mask(ramps(both)))
    ramps.set_weights([np.diag([100.0, 1.0]).reshape(1, 1, 1, 2, 2), np.array([-100.0 * BRIGHT, -MARKED])])
    mask.set_weights([np.full((1, 1, 1, 2, 1), 20.0), np.array([-30.0])])
    return saved("vertebra_masks", network, path, sigma_mm=6.0, offset_mm=(0.0, 0.0, 0.0))


def instances(path: Path, level: float) -> Path:
    """A vertebra wherever the image is bright and the memory is empty, always of one level."""
    both = keras.Input((*PATCH, 2))
    layer = keras.layers.Conv3D(1, 1, activation="sigmoid", name="mask")
    mask = layer(both)
    layer.set_weights([np.array([100.0, -400.0]).reshape(1, 1, 1, 2, 1), np.array([-100.0 * BRIGHT])])
    pooled = keras.layers.GlobalAveragePooling3D()(both)
    complete = keras.layers.Dense(1, activation="sigmoid", name="complete")(pooled)
    level_layer = keras.layers.Dense(
        1, activation="relu", bias_initializer=keras.initializers.Constant(level), name="level"
    )
    return saved(
        "instances", keras.Model(both, {"mask": mask, "complete": complete, "level": level_layer(pooled)}), path
    )
