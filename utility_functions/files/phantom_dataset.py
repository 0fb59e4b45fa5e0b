"""A data set of phantom scans on disk: images, label maps, tissue maps, landmarks in two formats, and the manifest."""

from __future__ import annotations

import csv
import io
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utility_functions.anatomy.structures import spider_map, structures_of
from utility_functions.command_line import usable_processors
from utility_functions.files.annotations import write_lml, write_verse_json
from utility_functions.files.atomic_write import require_writable, write_text
from utility_functions.files.images import write_image
from utility_functions.phantom.scanner import CT, KINDS, REGIONS, make_phantom
from utility_functions.phantom.tissue import TISSUES
from utility_functions.worker_pool import worker_pool

LABELS = ("verse", "spider")
"""Codes that label maps can be written in."""
COLUMNS = ("name", "type", "image_path", "mask_path", "centroid_json_path", "tissue_path")
SPLITS = ("training", "validation", "testing")
FRACTIONS = {"training": 0.6, "validation": 0.15}  # the rest is for testing


def write_phantoms(
    folder: Path,
    scans: int,
    seed: int,
    workers: int | None = None,
    region: str | None = None,
    split: str | None = None,
    kind: str = CT,
    labels: str = "verse",
) -> list[Path]:
    """Make ``scans`` phantoms in ``folder`` and return the paths of their images.

    kind: one of KINDS. labels: the code of the label maps, "verse" (vertebrae and sacrum) or "spider" (vertebrae
    counted from the bottom, discs, canal).
    Each scan gives <name>.nii.gz, <name>_labels.nii.gz, <name>_tissues.nii.gz (codes of tissue.TISSUES),
    <name>.lml and <name>_centroids.json; manifest.csv, written last, lists them all and splits them into training,
    validation and testing. Files of these names are replaced, nothing else is touched. The same seed gives the same
    files whatever the number of ``workers`` (None: one per processor).
    Raises: ValueError for numbers out of range, OSError where ``folder`` cannot be written to.
    """
    folder = Path(folder)
    if scans < 1:
        raise ValueError(f"A data set needs at least one scan. Received: {scans}.")
    if seed < 0:
        raise ValueError(f"A seed is zero or above. Received: {seed}.")
    if workers is not None and workers < 1:
        raise ValueError(f"At least one worker is needed. Received: {workers}.")
    if region is not None and region not in REGIONS:
        raise ValueError(f"A region is one of {', '.join(REGIONS)}. Received: {region!r}.")
    for what, value, known in (("kind of scan", kind, KINDS), ("code of labels", labels, LABELS)):
        if value not in known:
            raise ValueError(f"A {what} is one of {', '.join(known)}. Received: {value!r}.")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file, where a folder for the scans is needed.")
    if split not in (None, *SPLITS):
        raise ValueError(f"A split is one of {', '.join(SPLITS)}. Received: {split!r}.")
    splits = split_names(scans, seed) if split is None else [split] * scans
    digits = max(3, len(str(scans - 1)))
    names = [f"phantom{number:0{digits}d}" for number in range(scans)]
    require_writable(folder)  # before any work is done
    manifest = folder / "manifest.csv"
    manifest.unlink(missing_ok=True)  # an interrupted run leaves none, so that it lists no scan that is not there
    seeds = np.random.SeedSequence(seed).spawn(scans)
    jobs = [(folder, name, own, region, kind, labels) for name, own in zip(names, seeds, strict=True)]
    count = min(scans, workers or usable_processors())
    with tqdm(total=scans, desc="phantom scans", unit="scan") as bar:
        if count == 1:
            for job in jobs:
                _write_scan(*job)
                bar.update()
        else:
            with worker_pool(count) as pool:
                for done in as_completed([pool.submit(_write_scan, *job) for job in jobs]):
                    done.result()
                    bar.update()
    write_text(manifest, _manifest(names, splits, kind, labels))
    return [folder / f"{name}.nii.gz" for name in names]


def split_names(scans: int, seed: int) -> list[str]:
    """The split of every scan, drawn from ``seed``; each is there at least once from three scans on."""
    training = max(1, round(FRACTIONS["training"] * scans))
    validation = max(1, round(FRACTIONS["validation"] * scans)) if scans > 1 else 0
    if scans > 2:
        training = min(training, scans - validation - 1)
    validation = min(validation, scans - training)
    ordered = ["training"] * training + ["validation"] * validation + ["testing"] * (scans - training - validation)
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**31,))).permutation(scans)
    return [ordered[int(place)] for place in order]


def _manifest(names: list[str], splits: list[str], kind: str, labels: str) -> str:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    plain = kind == CT and labels == "verse"
    rows.writerow(COLUMNS if plain else (*COLUMNS, "modality", "label_code"))
    for name, split in zip(names, splits, strict=True):
        ends = (".nii.gz", "_labels.nii.gz", "_centroids.json", "_tissues.nii.gz")
        columns = (name, split, *(f"{name}{end}" for end in ends))
        rows.writerow(columns if plain else (*columns, "CT" if kind == CT else "MR", labels))
    return table.getvalue()


def _write_scan(
    folder: Path, name: str, seed: np.random.SeedSequence, region: str | None, kind: str, labels: str
) -> None:
    scan = make_phantom(np.random.default_rng(seed), name, region, kind=kind)
    label_map = scan.label_map
    if labels == "spider":
        label_map = spider_map(label_map, structures_of(label_map, "verse", scan.tissues, TISSUES))
    write_image(scan.volume, folder / f"{name}.nii.gz")
    write_image(label_map, folder / f"{name}_labels.nii.gz")
    write_image(scan.tissues, folder / f"{name}_tissues.nii.gz")
    write_lml(scan.landmarks, folder / f"{name}.lml", scan.volume.grid)
    write_verse_json(scan.landmarks, folder / f"{name}_centroids.json", scan.volume.grid)
