"""A scan whose intensities tell the level, and models with weights set by hand that read them: no training needed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np

from learning_functions.model_files.model_file import save_model
from learning_functions.task import Settings, load_task
from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.labels import CSI_LEVELS
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume

AIR, BASE, STEP = -1000.0, -400.0, 50.0  # HU of air, and of level 0 and from level to level
NAMES = ("T11", "T12", "L1", "L2")


def oracle_landmarks(names: tuple[str, ...] = NAMES, top_mm: float = 70.0) -> Landmarks:
    """Centroids along a curve, at usual distances along z."""
    z = top_mm - np.cumsum([0.0, *(STEP_MM[pair] for pair in pairwise(names))])
    return Landmarks(names, np.stack([8 + 0.05 * z, 6 * np.cos(z / 50), z], axis=1))


def oracle_scan(spacing_mm: float = 2.0, landmarks: Landmarks | None = None, shape=(36, 44, 80)) -> Volume:
    """An upright RAS scan of that chain: each level a tube of its own intensity, in air."""
    landmarks = oracle_landmarks() if landmarks is None else landmarks
    extent = np.asarray(shape) * spacing_mm
    grid = Grid.from_spacing(shape, spacing_mm, -(extent - spacing_mm) / 2 + [10, 2, 10])
    levels = dense_levels(landmarks, grid).astype(np.float32)
    voxels = np.where(levels > 0, BASE + STEP * levels, AIR)
    return Volume(np.round(voxels).astype(np.int16), grid)


def oracle_models(folder: Path) -> list[Path]:
    """Detection and identification models (.h5) that are correct on these scans."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_detection(folder / "detection.h5"), _identification(folder / "identification.h5")]


def _settings(name: str, channels: int) -> Settings:
    settings = load_task(name).presets["small"]
    spec = {**settings.spec.to_json(), "spacing_mm": (2.0, 2.0, 2.0), "window": (AIR, 1000.0)}
    spec |= {"patch": (16, 16, 16) if channels == 1 else (channels, 16, 16), "intensity": "window"}
    return settings.changed(spec=type(settings.spec).from_json(spec))


def _normalised(hu: float) -> float:
    return (hu - (AIR + 1000.0) / 2) / ((1000.0 - AIR) / 2)


def _save(network: keras.Model, settings: Settings, name: str, path: Path) -> Path:
    card = {"task": name, "spec": settings.spec.to_json(), "settings": settings.to_json(), "training": {}}
    save_model(network, path, card)
    return path


def _detection(path: Path) -> Path:
    """Vertebra where the intensity is nearer to the lowest level's than to air."""
    settings = _settings("detection", 1)
    threshold = _normalised((AIR + BASE + STEP * CSI_LEVELS["T11"]) / 2)
    inputs = keras.Input((*settings.spec.patch, 1))
    layer = keras.layers.Conv3D(2, 1, activation="softmax")
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([0.0, 200.0]).reshape(1, 1, 1, 1, 2), np.array([0.0, -200.0 * threshold])])
    return _save(network, settings, "detection", path)


def _identification(path: Path) -> Path:
    """The level as a linear function of the middle slice's intensity."""
    settings = _settings("identification", 8)
    inputs = keras.Input((16, 16, 8))
    layer = keras.layers.Conv2D(1, 1, activation="relu")
    network = keras.Model(inputs, layer(inputs))
    per_level = STEP / ((1000.0 - AIR) / 2)
    kernel = np.zeros((1, 1, 8, 1))
    kernel[0, 0, 4, 0] = 1 / per_level
    layer.set_weights([kernel, np.array([-_normalised(BASE) / per_level])])
    return _save(network, settings, "identification", path)
