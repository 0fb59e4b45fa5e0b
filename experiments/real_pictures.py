"""The picture of one measured scan: the scan, its detection, its names and the truth, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from numpy.typing import NDArray

from experiments.real_scores import detection_map
from utility_functions.anatomy.labels import TOTALSEGMENTATOR_IDS, VERSE_IDS
from utility_functions.files.atomic_write import written_whole
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings
from utility_functions.reporting.level_colours import level_colour
from utility_functions.reporting.pictures import blended
from utility_functions.reporting.views import View, coronal_view, sagittal_view, spine_course, window

DPI = 100
WIDEST_MM = 240.0
TALL_IN, MOST_INCH_PER_MM = 4.5, 0.03  # the higher the scan, the smaller its picture
HEAD_IN, GAP_IN = 0.35, 0.08
STROKE: list[AbstractPathEffect] = [withStroke(linewidth=2.0, foreground="black")]


def verse_coded(label_map: LabelMap, code: str) -> LabelMap:
    """A truth in VerSe's ids, so that each level has its colour; organs and discs are left out."""
    if code == "totalsegmentator":
        pairs = [(TOTALSEGMENTATOR_IDS[name], VERSE_IDS[name]) for name in TOTALSEGMENTATOR_IDS if name in VERSE_IDS]
    else:
        pairs = [(number, number) for number in VERSE_IDS.values()]
    voxels = np.zeros(label_map.grid.shape, np.uint8)
    for number, verse in pairs:
        voxels[label_map.voxels == number] = verse
    return LabelMap(voxels, label_map.grid)


def write_picture(scan: Scan, findings: Findings, truth: Landmarks, path: Path, title: str) -> None:
    """Writes a PNG: sagittal views above, coronal views below, at most WIDEST_MM wide round the spine."""
    found = findings.landmarks or Landmarks.empty()
    true_map = None if scan.label_map is None else verse_coded(scan.label_map, scan.case.label_code)
    columns: list[tuple[str, LabelMap | None, Landmarks]] = [
        ("scan", None, Landmarks.empty()),
        ("detected", detection_map(findings), found),
        ("named", findings.instances, found),
        ("true", true_map, truth),
    ]
    course = spine_course(scan.volume, truth, found)
    low, high = window(scan.volume)
    views = [[make(scan.volume, course, mask) for _, mask, _ in columns] for make in (sagittal_view, coronal_view)]
    spans = [_span(row[0], course) for row in views]
    tall_mm = views[0][0].extent_mm[3] - views[0][0].extent_mm[2]
    inch_per_mm = min(MOST_INCH_PER_MM, TALL_IN / tall_mm)
    widths = [(left - right) * inch_per_mm for left, right in spans]
    wide, tall = max(*widths, 1.0) + GAP_IN, tall_mm * inch_per_mm
    total = wide * len(columns), 2 * (tall + HEAD_IN) + GAP_IN
    figure = Figure(figsize=total, dpi=DPI, facecolor="black")
    FigureCanvasAgg(figure)
    figure.text(0.01, 1 - 0.1 / total[1], title, color="gold", fontsize=9, va="top")
    bottom = total[1] - HEAD_IN
    for row, span, width in zip(views, spans, widths, strict=True):
        bottom -= tall
        for column, ((name, _, landmarks), view) in enumerate(zip(columns, row, strict=True)):
            axes = figure.add_axes((column * wide / total[0], bottom / total[1], width / total[0], tall / total[1]))
            axes.set_axis_off()
            axes.imshow(blended(view, low, high), extent=view.extent_mm, aspect="auto", interpolation="bilinear")
            axes.text(0.01, 1.0, name, color="silver", fontsize=7, transform=axes.transAxes, va="bottom")
            for level, point in landmarks:
                if view.shows(point)[0]:
                    across, up = view.flat(point)[0]
                    axes.plot(across, up, "o", markersize=3, color=level_colour(level), markeredgecolor="black")
                    text = axes.text(across, up, f"  {level}", color="white", fontsize=6, va="center", clip_on=True)
                    text.set_path_effects(STROKE)
            axes.set(xlim=span, ylim=view.extent_mm[2:])
        bottom -= HEAD_IN
    with written_whole(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=DPI, facecolor="black")


def _span(view: View, course_mm: NDArray[np.float64]) -> tuple[float, float]:
    """The left and right edge, in mm, of the part of a view that is shown."""
    left, right, _, _ = view.extent_mm
    middle = float(np.median(course_mm[:, view.axis]))
    return min(left, middle + WIDEST_MM / 2), max(right, middle - WIDEST_MM / 2)
