"""Tiny presets of the tasks and phantoms of 4 mm voxels, so that every step of the main job runs in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from learning_functions.generate.generation import generate
from learning_functions.task import Settings, load_task, settings_of
from utility_functions.anatomy.structures import spider_map, structures_of
from utility_functions.files.annotations import write_lml
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import write_image
from utility_functions.phantom.scanner import PhantomScan, make_phantom
from utility_functions.phantom.tissue import TISSUES

FROM_MASKS = ("instances", "panoptic", "vertebra_masks")
"""Tasks whose samples are cut from label maps."""
FROM_STRUCTURES = ("multiclass_mr",)
"""Tasks whose label maps tell discs and canal too."""
SPLITS = ("training", "validation", "testing", "testing")


def tiny_settings(task_name: str, preset: str = "small", **changes: object) -> Settings:
    """A preset with at most 16 voxels along each side of its patch, two levels of 2 filters, and one epoch."""
    settings = settings_of(load_task(task_name), preset)
    patch = tuple(min(size, 16) for size in settings.spec.patch)
    spec = replace(settings.spec, patch=patch, spacing_mm=(4.0, 4.0, 4.0))
    tiny = settings.changed(spec=spec, filters=2, levels=2, samples_per_scan=4, batch=4, epochs=1)
    return tiny.changed(**changes)


def phantom(seed: int = 1, axcodes: str | None = None) -> PhantomScan:
    return make_phantom(np.random.default_rng(seed), f"phantom{seed}", "lumbar", 4.0, axcodes)


def scan_of(made: PhantomScan) -> Scan:
    return Scan(Case(made.name, Path("nowhere.nii.gz")), made.volume, made.landmarks, made.label_map)


def write_data_set(folder: Path, splits: tuple[str, ...] = SPLITS) -> Path:
    """Phantoms with .lml centroids and the manifest with their splits."""
    lines = ["name,type,image_path,mask_path,centroid_json_path"]
    for number, split in enumerate(splits):
        name = f"phantom{number}"
        write_case(phantom(number), folder, name)
        lines.append(f"{name},{split},{name}.nii.gz,,{name}.lml")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_case(made: PhantomScan, folder: Path, name: str, masks: bool = False) -> Case:
    write_image(made.volume, folder / f"{name}.nii.gz")
    write_lml(made.landmarks, folder / f"{name}.lml", made.volume.grid)
    case = Case(name, folder / f"{name}.nii.gz", landmarks_path=folder / f"{name}.lml")
    if not masks:
        return case
    write_image(made.label_map, folder / f"{name}_mask.nii.gz")
    return replace(case, label_map_path=folder / f"{name}_mask.nii.gz")


def write_structures(made: PhantomScan, folder: Path, name: str) -> Case:
    """The case of a phantom whose label map is in SPIDER's code."""
    case = write_case(made, folder, name)
    structures = structures_of(made.label_map, "verse", made.tissues, TISSUES)
    write_image(spider_map(made.label_map, structures), folder / f"{name}_mask.nii.gz")
    return replace(case, label_map_path=folder / f"{name}_mask.nii.gz", label_code="spider", landmarks_path=None)


def write_samples(task_name: str, folder: Path, settings: Settings | None = None) -> tuple[Path, Path]:
    """Sample files for training and validation, of one phantom each."""
    settings = tiny_settings(task_name) if settings is None else settings
    paths = folder / f"{task_name}_training.h5", folder / f"{task_name}_validation.h5"
    for number, path in enumerate(paths):
        made, name = phantom(number), f"phantom{number}"
        if task_name in FROM_STRUCTURES:
            case = write_structures(made, folder, name)
        else:
            case = write_case(made, folder, name, masks=task_name in FROM_MASKS)
        generate(task_name, [case], path, settings, workers=1)
    return paths
