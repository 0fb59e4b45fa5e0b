"""Phantoms of 8 mm voxels and presets of two filters, so that thousands of inputs are read within minutes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from learning_functions.task import Settings, load_task, settings_of
from utility_functions.files.annotations import write_lml
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.phantom.scanner import PhantomScan, make_phantom

COARSE_MM = 8.0
TINY_PATCH = 8


def coarse_phantom(seed: int = 1) -> PhantomScan:
    return make_phantom(np.random.default_rng(seed), f"phantom{seed}", "lumbar", COARSE_MM, "LPS")


def tiny_settings(task_name: str) -> Settings:
    """The preset ``small`` with two filters, two levels and patches of at most 8 voxels of 8 mm."""
    settings = settings_of(load_task(task_name), "small")
    x, y, z = (min(size, TINY_PATCH) for size in settings.spec.patch)
    spec = replace(settings.spec, patch=(x, y, z), spacing_mm=(COARSE_MM,) * 3)
    return settings.changed(spec=spec, filters=2, levels=2, samples_per_scan=3, batch=2, epochs=2)


def write_case(
    folder: Path, made: PhantomScan, name: str = "scan", suffix: str = ".nii.gz", masks: bool = True
) -> Case:
    folder.mkdir(parents=True, exist_ok=True)
    image, mask, points = folder / f"{name}{suffix}", folder / f"{name}_mask{suffix}", folder / f"{name}.lml"
    write_image(made.volume, image)
    write_lml(made.landmarks, points, made.volume.grid)
    case = Case(name, image, landmarks_path=points)
    if not masks:
        return case
    write_image(made.label_map, mask)
    return replace(case, label_map_path=mask)
