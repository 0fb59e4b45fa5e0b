"""Sound inputs of every kind that the three scripts read, small, each with the changes that are made to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from hardening import format_mutations as formats
from hardening.byte_mutations import OF_BYTES, OF_TEXT, Mutation
from hardening.corpus_of_runs import write_runs
from hardening.dicom_series import write_enhanced, write_series
from hardening.sound_input import SoundInput
from hardening.tiny_inputs import coarse_phantom, tiny_settings, write_case
from hardening.tree_mutations import changed_json, doubled_key
from learning_functions.generate.generation import generate
from utility_functions.files.annotations import write_landmarks_csv, write_lml, write_markups, write_verse_json
from utility_functions.files.images import write_image
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import PhantomScan


def write_corpus(root: Path, keras_models: bool = True) -> list[SoundInput]:
    """Write every sound input below ``root``; keras_models: models and checkpoints too, which TensorFlow makes."""
    made = coarse_phantom()
    found = [*_images(root / "images", made), *_landmarks(root / "landmarks", made), *_lists(root / "lists", made)]
    found += [*_samples(root / "samples", made), *write_runs(root / "runs", made)]
    return [*found, *(_models(root / "models") if keras_models else [])]


def _images(root: Path, made: PhantomScan) -> list[SoundInput]:
    inputs = []
    inner = (formats.nifti_header, formats.nifti_header, formats.nifti_voxels, *OF_BYTES)
    kinds: Mapping[str, tuple[tuple[Mutation, ...], frozenset[str], float]] = {
        ".nii": (inner, frozenset(), 1.5),
        ".nii.gz": (
            (*map(formats.Gzipped, inner), *OF_BYTES),
            frozenset({"flipped_bits", "truncated", "lost", "doubled", "inserted", "other_bytes", "extreme_number"}),
            1.5,
        ),
        ".nrrd": ((formats.text_header, formats.text_header, *OF_BYTES), frozenset(), 1.0),
        ".mha": ((formats.text_header, formats.text_header, *OF_BYTES), frozenset(), 1.0),
        ".mhd": ((*OF_TEXT, *OF_BYTES), frozenset(), 0.7),
    }
    for suffix, (mutations, exact, weight) in kinds.items():
        case = write_case(root / suffix.strip("."), made, suffix=suffix)
        folder, image = case.image_path.parent, case.image_path.name
        inputs.append(SoundInput(f"image {suffix}", folder, image, "scan", mutations, exact, weight))
        mask = f"scan_mask{suffix}"
        inputs.append(SoundInput(f"label map {suffix}", folder, mask, "masked_scan", mutations, exact, weight / 3))
    zipped = next(path.name for path in (root / "mhd").iterdir() if "raw" in path.suffix and "mask" not in path.name)
    inputs.append(SoundInput("voxels of .mhd", root / "mhd", zipped, "scan", OF_BYTES, weight=0.3))
    shape = (*made.volume.grid.shape[:2], 12)
    small = Volume(made.volume.voxels[:, :, :12].copy(), made.volume.grid.window((0, 0, 0), shape))
    files = write_series(root / "dicom" / "series", small)
    mutations = (formats.dicom_element, formats.dicom_element, formats.dicom_element, *OF_BYTES)
    inputs.append(SoundInput("DICOM slice", root / "dicom", f"series/{files[5].name}", "series", mutations, weight=2.5))
    write_enhanced(root / "enhanced" / "series" / "scan.dcm", small)
    mutations = (*(formats.dicom_nested_element,) * 4, *OF_BYTES)
    inputs.append(SoundInput("enhanced DICOM", root / "enhanced", "series/scan.dcm", "series", mutations, weight=1.5))
    return inputs


def _landmarks(root: Path, made: PhantomScan) -> list[SoundInput]:
    grid, points = made.volume.grid, made.landmarks
    lps = [(-x, -y, z) for x, y, z in points.points_mm.tolist()]
    plain = [
        {"name": name, "x": x, "y": y, "z": z}
        for name, (x, y, z) in zip(points.names, points.points_mm.tolist(), strict=True)
    ]
    keypoints = [
        {
            "type": {"keypoint_type": "body", "spine_level": name, "spine_segment_probabilities": [0.1, 0.2, 0.7]},
            "coordinates": {"world_space": list(place)},
        }
        for name, place in zip(points.names, lps, strict=True)
    ]
    poi = [
        {"format": "POI_GLOBAL", "coordinate_system": "nib"},
        {str(20 + n): {"50": list(place)} for n, place in enumerate(points.points_mm.tolist()) if n < 5},
    ]
    local = [
        {"direction": list(grid.axcodes), "zoom": list(grid.spacing_mm), "shape": list(grid.shape)},
        {
            str(20 + n): {"50": grid.to_index(place).tolist()}
            for n, place in enumerate(points.points_mm.tolist())
            if n < 5
        },
    ]
    writers: dict[str, Callable[[Path], object]] = {
        "scan.lml": lambda path: write_lml(points, path, grid),
        "scan.csv": lambda path: write_landmarks_csv(points, path),
        "scan_verse.json": lambda path: write_verse_json(points, path, grid),
        "scan.mrk.json": lambda path: write_markups(points, path),
        "scan_plain.json": lambda path: path.write_text(json.dumps(plain)),
        "scan_vid.json": lambda path: path.write_text(json.dumps(keypoints)),
        "scan_poi_world.json": lambda path: path.write_text(json.dumps(poi)),
        "scan_poi.json": lambda path: path.write_text(json.dumps(local)),
    }
    inputs = []
    for name, write in writers.items():
        folder = root / name.replace(".", "_")
        folder.mkdir(parents=True)
        write_image(made.volume, folder / "image.nii")
        write(folder / name)
        json_like = (changed_json,) * 8 + (doubled_key,) if name.endswith(".json") else ()
        mutations = (*json_like, *OF_TEXT, *OF_BYTES)
        inputs.append(SoundInput(f"landmarks {name}", folder, name, "landmarks", mutations, weight=0.8))
    return inputs


def _lists(root: Path, made: PhantomScan) -> list[SoundInput]:
    manifest = root / "manifest"
    case = write_case(manifest, made)
    rows = [
        f"{n},{kind},{case.image_path.name},scan_mask.nii.gz,scan.lml"
        for n, kind in (("a", "training"), ("b", "validation"))
    ]
    header = "name,type,image_path,mask_path,centroid_json_path"
    (manifest / "manifest.csv").write_text("\n".join([header, *rows, "c,testing,phantom:1:seed=7,,"]) + "\n")
    pipeline = root / "pipeline"
    pipeline.mkdir()
    for name in ("detection", "identification"):
        (pipeline / f"{name}.h5").write_bytes(b"")
    (pipeline / "p.toml").write_text(
        'title = "two"\nmodels = ["detection.h5", "identification.h5"]\nmemory_gb = 4.0\nsave_intermediate = true\n'
        'orientation = "header"\nstop_after = "identification"\n'
    )
    key = root / "key"
    key.mkdir()
    (key / "patients.key").write_text("0f" * 32 + "\n")
    (key / "patients.key").chmod(0o600)
    bids = root / "bids"
    write_case(bids / "sub-1" / "anat", made, "sub-1_ct", masks=False)
    (bids / "sub-1" / "anat" / "sub-1_ct.json").write_text('{"Modality": "CT", "Manufacturer": "x"}')
    (bids / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0", "DatasetType": "raw"}')
    tree = (changed_json,) * 5
    return [
        SoundInput("manifest", manifest, "manifest.csv", "manifest", (*OF_TEXT * 2, *OF_BYTES), weight=1.2),
        SoundInput("pipeline", pipeline, "p.toml", "pipeline", (*OF_TEXT * 2, *OF_BYTES), weight=1.2),
        SoundInput("patients.key", key, "patients.key", "key", (*OF_TEXT, *OF_BYTES), weight=0.2),
        SoundInput(
            "BIDS description", bids, "dataset_description.json", "folder", (*tree, *OF_TEXT, *OF_BYTES), weight=0.2
        ),
        SoundInput(
            "BIDS sidecar", bids, "sub-1/anat/sub-1_ct.json", "folder", (*tree, *OF_TEXT, *OF_BYTES), weight=0.2
        ),
    ]


def _samples(root: Path, made: PhantomScan) -> list[SoundInput]:
    inputs = []
    for task, compression in (("detection", "gzip"), ("vertebra_masks", "lzf"), ("identification", "none")):
        folder = root / task
        for name, seed in (("training", 1), ("validation", 2)):
            case = write_case(folder / name, coarse_phantom(seed), f"scan{seed}")
            generate(task, [case], folder / f"{name}.h5", tiny_settings(task), workers=1, compression=compression)
        mutations = (formats.hdf5_part,) * 12 + OF_BYTES
        inputs.append(SoundInput(f"samples {task}", folder, "training.h5", "samples", mutations, weight=1.2))
    return inputs


def _models(root: Path) -> list[SoundInput]:
    from hardening.tiny_models import write_checkpoints, write_models

    write_models(root / "h5")
    write_checkpoints(root / "training")
    mutations = (formats.hdf5_part,) * 12 + OF_BYTES
    archive = (formats.archive_member,) * 6 + OF_BYTES
    state = (*(changed_json,) * 4, *OF_TEXT, *OF_BYTES)
    last = sorted((root / "training" / "model.training").glob("*.keras"))[-1].name
    exact = frozenset({"flipped_bits", "truncated", "other_bytes", "extreme_number"})
    return [
        SoundInput("model detection.h5", root / "h5", "detection.h5", "model", mutations, weight=1.0, keras=True),
        SoundInput(
            "model identification.h5", root / "h5", "identification.h5", "model", mutations, weight=0.6, keras=True
        ),
        SoundInput("model without a card", root / "h5", "plain.h5", "model", mutations, weight=0.4, keras=True),
        SoundInput(
            "checkpoint .keras", root / "training", f"model.training/{last}", "checkpoint", archive, exact, 0.8, True
        ),
        SoundInput(
            "training state",
            root / "training",
            "model.training/state.json",
            "checkpoint",
            state,
            weight=0.4,
            keras=True,
        ),
    ]
