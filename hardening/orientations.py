"""One scan in every orientation and format, written and read: marks lie at the same mm within half a voxel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardening.dicom_series import write_series
from utility_functions.files.annotations import (
    read_landmarks,
    write_landmarks_csv,
    write_lml,
    write_markups,
    write_verse_json,
)
from utility_functions.files.images import IMAGE_SUFFIXES, read_image, read_label_map, write_image
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

SHAPE = (16, 18, 20)
SPACING_MM = (2.0, 3.0, 5.0)
ORIGIN_MM = (-120.5, 33.25, 781.125)
SHEARS = {"straight": 0.0, "sheared": 0.15}
TURNS = {"upright": (0.0, 0.0, 0.0), "oblique": (0.2, -0.3, 0.1)}
DICOM = "DICOM"
MARK, SIGMA_MM = (8, 8, 9), 6.0
"""The centre of a bright ball in air, and how wide it is; no border is near, and a leaning stack only blurs it."""
AIR_HU, BRIGHT_HU = -1000.0, 2000.0
LANDMARK_FORMATS = {
    ".lml": write_lml,
    ".csv": write_landmarks_csv,
    ".json": write_verse_json,
    ".mrk.json": write_markups,
}


@dataclass(frozen=True)
class Placed:
    """How far from its place something was read back: ``voxels`` of the smallest spacing; nan where it was not read."""

    format: str
    axcodes: str
    turn: str
    shear: str
    voxels: float
    problem: str = ""

    @property
    def right(self) -> bool:
        return self.voxels <= 0.5


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """The matrix of turns in radians about the world's axes, x first."""
    turns = []
    for axis, angle in enumerate((x, y, z)):
        a, b = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[b, a], turn[a, b] = np.sin(angle), -np.sin(angle)
        turns.append(turn)
    return np.asarray(turns[2] @ turns[1] @ turns[0])


def scan_on(axcodes: str, turn: str, shear: str) -> tuple[Volume, np.ndarray]:
    """A scan of a bright ball, and its centre in RAS+ mm."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(*TURNS[turn]) * SPACING_MM
    affine[:3, 2] += SHEARS[shear] * affine[:3, 1]  # slices that lean, as with a tilted gantry
    affine[:3, 3] = ORIGIN_MM
    grid = Grid(SHAPE, affine)
    away = np.linalg.norm(grid.to_mm(np.moveaxis(np.indices(SHAPE), 0, -1)) - grid.to_mm(MARK), axis=-1)
    voxels = AIR_HU + BRIGHT_HU * np.exp(-((away / SIGMA_MM) ** 2) / 2)
    scan = Volume(np.rint(voxels).astype(np.int16), grid)
    stored = scan.reoriented(axcodes)
    return Volume(np.ascontiguousarray(stored.voxels), stored.grid), scan.grid.to_mm(MARK)


def mark_of(volume: Volume) -> np.ndarray:
    """The centre of the ball in RAS+ mm."""
    bright = volume.voxels - AIR_HU
    places = np.argwhere(bright > BRIGHT_HU / 10)
    weights = bright[tuple(places.T)]
    return np.asarray(volume.grid.to_mm((places * weights[:, None]).sum(axis=0) / weights.sum()))


def all_places(folder: Path, axcodes: tuple[str, ...] = tuple(ALL_ORIENTATIONS)) -> Iterator[Placed]:
    """Everything that is read, for every orientation, upright and oblique, straight and sheared."""
    for code in axcodes:
        for turn in TURNS:
            for shear in SHEARS:
                yield from _places(folder / f"{code}_{turn}_{shear}", code, turn, shear)


def _places(folder: Path, axcodes: str, turn: str, shear: str) -> Iterator[Placed]:
    folder.mkdir(parents=True)
    scan, mark_mm = scan_on(axcodes, turn, shear)
    smallest = min(scan.grid.spacing_mm)

    def placed(name: str, found_mm: np.ndarray) -> Placed:
        return Placed(name, axcodes, turn, shear, float(np.linalg.norm(found_mm - mark_mm)) / smallest)

    labels = LabelMap((scan.voxels > AIR_HU + BRIGHT_HU / 2).astype(np.uint8) * 20, scan.grid)
    for suffix in IMAGE_SUFFIXES:
        try:
            write_image(scan, folder / f"scan{suffix}")
            again = read_image(folder / f"scan{suffix}")
            yield placed(f"{suffix} image", mark_of(again))
            write_image(labels, folder / f"labels{suffix}")
            kept = read_label_map(folder / f"labels{suffix}")
            yield placed(f"{suffix} label map", kept.grid.to_mm(np.argwhere(kept.voxels == 20).mean(axis=0)))
        except ValueError as error:
            yield Placed(suffix, axcodes, turn, shear, float("nan"), str(error))
    try:
        write_series(folder / "series", scan)
        yield placed(DICOM, mark_of(read_image(folder / "series")))
    except ValueError as error:
        yield Placed(DICOM, axcodes, turn, shear, float("nan"), str(error))
    landmarks = Landmarks(("L1",), mark_mm[None])
    for suffix, write in LANDMARK_FORMATS.items():
        path = folder / f"points{suffix}"
        write(landmarks, path, scan.grid) if suffix in (".lml", ".json") else write(landmarks, path)  # type: ignore[operator]
        yield placed(f"{suffix} landmarks", read_landmarks(path, scan.grid).point("L1"))
