"""Contact sheets of phantoms beside real scans, in the same planes, windows and millimetres per pixel.

There is one PNG for each region and window. It shows each scan in a sagittal view through the midline, a sagittal view
through the facet joints, and a coronal view, all curved along the spine; then in axial slices through bodies. Anterior
is on the left in sagittal views and at the top in axial ones. The patient's right is on the left elsewhere. The sheets
in docs/ come from:

    python -m experiments phantom_views docs --together --phantoms 1 --seed 12 --pixel-mm 1.2 --real REAL \\
        --only verse014 example_ct
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from experiments.real_cases import CREDITS, real_cases, true_centres
from utility_functions.anatomy.labels import anatomical_order
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.cases import load_scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import REGIONS, make_phantom
from utility_functions.reporting.views import coronal_view, sagittal_view, spine_course

WINDOWS = {"bone": (-500.0, 1300.0), "soft": (-160.0, 240.0)}  # W 1800 L 400 and W 400 L 40
AXIALS = {"cervical": ("C4",), "thoracic": ("T6",), "lumbar": ("L3",), "whole": ("C4", "T6", "L3")}
LONG = ("whole", "trunk")
EMPTY_HU = -1024.0
WIDEST_MM = 430.0
BESIDE_MM = 14.0  # from the midline to the facet joints
GAP_PX, TITLE_PX, WIDTH_PX, DPI = 6, 18, 1500, 100


@dataclass(frozen=True, eq=False)
class ShownScan:
    """One scan with its body centres and title; axial slices lie at ``levels``, or at the nearest ones in the scan."""

    title: str
    volume: Volume
    landmarks: Landmarks
    levels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture: HU (rows, columns), its size in mm (width, height), and its title."""

    hu: NDArray[np.float32]
    size_mm: tuple[float, float]
    title: str


def panels(scan: ShownScan) -> list[Panel]:
    """The two sagittal views, the coronal view and the axial slices of a scan."""
    course = spine_course(scan.volume, scan.landmarks)
    views = {
        "sagittal": sagittal_view(scan.volume, course),
        f"sagittal, {BESIDE_MM:g} mm to the left": sagittal_view(scan.volume, course - (BESIDE_MM, 0, 0)),
        "coronal": coronal_view(scan.volume, course),
    }
    found = []
    for title, view in views.items():
        left, right, bottom, top = view.extent_mm
        middle = float(np.median(course[:, view.axis]))
        low, high = max(right, middle - WIDEST_MM / 2), min(left, middle + WIDEST_MM / 2)
        columns = np.round((left - np.array([high, low])) / (left - right) * view.pixels.shape[1]).astype(int)
        kept = view.pixels[:, columns[0] : columns[1]]
        found.append(Panel(np.nan_to_num(kept, nan=EMPTY_HU), (high - low, top - bottom), title))
    for name in dict.fromkeys(nearest_shown(scan, level) for level in scan.levels):
        if name is not None:
            found.append(axial(scan, name))
    return found


def nearest_shown(scan: ShownScan, level: str) -> str | None:
    """The level nearest to ``level`` whose centre lies at least 5 mm inside the scan; None where there is none."""
    inside = scan.volume.grid.contains(scan.landmarks.points_mm, margin_mm=-5.0)
    names = [name for name, shown in zip(scan.landmarks.names, inside, strict=True) if shown and name]
    return min(names, key=lambda name: abs(anatomical_order(name) - anatomical_order(level)), default=None)


def axial(scan: ShownScan, name: str, pixel_mm: float = 1.0) -> Panel:
    """The axial slice through the centre of a level, the patient's right on the left."""
    corners = scan.volume.grid.corners_mm()
    centre = scan.landmarks.point(name)
    low = np.maximum(corners.min(axis=0), centre - WIDEST_MM / 2)
    high = np.minimum(corners.max(axis=0), centre + WIDEST_MM / 2)
    columns = np.arange(high[0], low[0], -pixel_mm)
    rows = np.arange(high[1], low[1], -pixel_mm)
    points = np.empty((len(rows), len(columns), 3))
    points[..., 0], points[..., 1], points[..., 2] = columns[None], rows[:, None], centre[2]
    index = scan.volume.grid.to_index(points)
    voxels = scan.volume.voxels
    values = ndimage.map_coordinates(
        voxels, np.moveaxis(index, -1, 0), output=np.float32, order=1, mode="constant", cval=EMPTY_HU
    )
    return Panel(values, (float(high[0] - low[0]), float(high[1] - low[1])), f"axial {name}")


def shelves(sizes: Sequence[tuple[int, int]], width: int) -> tuple[list[tuple[int, int]], int]:
    """The left and top of each block (width, height), placed in rows of ``width``; and the total height."""
    places, left, top, tallest = [], 0, 0, 0
    for wide, tall in sizes:
        if left and left + wide > width:
            left, top, tallest = 0, top + tallest, 0
        places.append((left, top))
        left, tallest = left + wide, max(tallest, tall)
    return places, top + tallest


def sheet(scans: Sequence[ShownScan], window: tuple[float, float], pixel_mm: float, path: Path) -> None:
    """Writes one sheet, with every panel at ``pixel_mm`` mm per pixel."""
    rows = [panels(scan) for scan in scans]
    sizes = [[(round(p.size_mm[0] / pixel_mm) + 1, round(p.size_mm[1] / pixel_mm) + 1) for p in row] for row in rows]
    blocks = [
        (sum(size[0] + GAP_PX for size in row) + 2 * GAP_PX, max(size[1] for size in row) + 2 * TITLE_PX)
        for row in sizes
    ]
    width = max(WIDTH_PX, *(block[0] for block in blocks))
    places, total = shelves(blocks, width)
    figure = Figure(figsize=(width / DPI, total / DPI), dpi=DPI, facecolor="black")
    FigureCanvasAgg(figure)
    for scan, row, row_sizes, (left, top) in zip(scans, rows, sizes, places, strict=True):
        figure.text((left + 2) / width, 1 - (top + 2) / total, scan.title, color="gold", fontsize=9, va="top")
        for panel, (wide, tall) in zip(row, row_sizes, strict=True):
            bottom = 1 - (top + 2 * TITLE_PX + tall) / total
            axes = figure.add_axes((left / width, bottom, wide / width, tall / total))
            axes.set_axis_off()
            axes.imshow(panel.hu, cmap="gray", vmin=window[0], vmax=window[1], aspect="auto", interpolation="bilinear")
            height = 1 - (top + TITLE_PX) / total
            figure.text((left + 2) / width, height, panel.title, color="silver", fontsize=7, va="top")
            left += wide + GAP_PX
    with written_whole(path) as place:
        figure.savefig(place, format="png", dpi=DPI, facecolor="black")


def phantoms_of(region: str, seeds: Sequence[int], spacing_mm: float | None = None) -> list[ShownScan]:
    """Phantoms of a region, by default at 1.5 mm, long regions at 2 mm. The same seed gives the same phantom."""
    scans = []
    spacing_mm = spacing_mm or (2.0 if region in LONG else 1.5)
    for seed in seeds:
        started = time.process_time()
        scan = make_phantom(np.random.default_rng(seed), region=region, spacing_mm=spacing_mm)
        title = f"phantom {region} seed {seed} ({spacing_mm:g} mm, {time.process_time() - started:.1f} s)"
        scans.append(ShownScan(title, scan.volume, scan.landmarks, AXIALS.get(region, ("T6", "L3"))))
    return scans


def real_scans(folder: Path, levels: tuple[str, ...], only: Sequence[str] = ()) -> list[ShownScan]:
    """The real scans in ``folder``; where ``only`` has names, these alone."""
    scans = []
    for case in real_cases(folder):
        if not only or case.case_id in only:
            scan = load_scan(case)
            title = f"REAL {case.case_id} ({CREDITS[case.case_id]})"
            scans.append(ShownScan(title, scan.volume, true_centres(scan), levels))
    return scans


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments phantom_views", description=__doc__)
    parser.add_argument(
        "out", type=Path, help="folder for the sheets REGION_WINDOW.png; created where it does not exist"
    )
    parser.add_argument("--real", type=Path, help="folder of the real scans (default: phantoms alone)")
    parser.add_argument("--only", nargs="+", default=[], metavar="SCAN", help="only these real scans, by name")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first phantom; the others have the next seeds (default: 1)"
    )
    parser.add_argument("--phantoms", type=int, default=2, help="phantoms per sheet (default: 2)")
    parser.add_argument("--regions", nargs="+", default=list(AXIALS), choices=[*REGIONS], help="default: %(default)s")
    parser.add_argument("--windows", nargs="+", default=list(WINDOWS), choices=list(WINDOWS), help="default: both")
    parser.add_argument("--together", action="store_true", help="all regions on one sheet, phantoms_WINDOW.png")
    parser.add_argument("--spacing-mm", type=float, help="of the phantoms (default: 1.5, and 2 for the whole spine)")
    parser.add_argument("--pixel-mm", type=float, help="of the pictures (default: 0.8, and 1 for the whole spine)")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.seed, arguments.seed + arguments.phantoms)
    sheets: dict[str, list[ShownScan]] = {}
    for region in arguments.regions:
        name = "phantoms" if arguments.together else region
        sheets.setdefault(name, []).extend(phantoms_of(region, seeds, arguments.spacing_mm))
    for name, scans in sheets.items():
        if arguments.real:
            scans += real_scans(arguments.real, AXIALS.get(name, ("T12", "L3")), arguments.only)
        pixel_mm = arguments.pixel_mm or (1.0 if name in LONG or arguments.together else 0.8)
        for window in arguments.windows:
            path = arguments.out / f"{name}_{window}.png"
            sheet(scans, WINDOWS[window], pixel_mm, path)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
