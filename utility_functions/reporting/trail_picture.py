"""The trail of a traversal drawn over its scan: the positions of the patch, their order, and the decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.trail import FOUND, MOVED, Trail
from utility_functions.reporting.pictures import STROKE, blended, write_figure
from utility_functions.reporting.views import coronal_view, sagittal_view, spine_course, window

HEIGHT_IN, MARGIN_IN = 8.0, 0.5
COLOURS = {FOUND: "lime", MOVED: "deepskyblue"}
OTHER = "tomato"
"""The colour of predictions without a result."""


def trail_picture(volume: Volume, trail: Trail, path: Path, label_map: LabelMap | None = None, title: str = "") -> None:
    """Write a PNG of a sagittal and a coronal view with the predictions of a trail; retained ones are numbered.

    trail: with positions in RAS+ mm. label_map: what was found, drawn half transparent.
    """
    points = np.array([step.position for step in trail.steps], float).reshape(-1, 3)
    found = np.array([step.decision == FOUND for step in trail.steps], bool)
    course_mm = spine_course(volume, Landmarks(("",) * int(found.sum()), points[found]))
    views = (sagittal_view(volume, course_mm, label_map), coronal_view(volume, course_mm, label_map))
    widths = [HEIGHT_IN * (v.extent_mm[0] - v.extent_mm[1]) / (v.extent_mm[3] - v.extent_mm[2]) for v in views]
    widths = [float(np.clip(width, 1.0, 2 * HEIGHT_IN)) for width in widths]
    total = sum(widths) + 3 * MARGIN_IN, HEIGHT_IN + 2 * MARGIN_IN
    figure = Figure(figsize=total, facecolor="black")
    left = MARGIN_IN
    for view, width in zip(views, widths, strict=True):
        axes = figure.add_axes((left / total[0], MARGIN_IN / total[1], width / total[0], HEIGHT_IN / total[1]))
        left += width + MARGIN_IN
        axes.set_axis_off()
        axes.imshow(blended(view, *window(volume)), extent=view.extent_mm, interpolation="bilinear", aspect="auto")
        flat = view.flat(points)
        axes.plot(*flat.T, color="white", linewidth=0.5, alpha=0.5)
        last = sorted(zip(trail.steps, flat, strict=True), key=lambda pair: pair[0].decision == FOUND)
        for step, (across, height) in last:  # the retained ones over all others
            colour = COLOURS.get(step.decision, OTHER)
            axes.plot(across, height, "o", markersize=4, color=colour, markeredgecolor="black", clip_on=False)
        for number, (across, height) in enumerate(flat[found], start=1):
            words = axes.annotate(str(number), (across, height), xytext=(5, 3), textcoords="offset points")
            words.set(color=COLOURS[FOUND], fontsize=8, path_effects=STROKE)
        right, low, top = view.extent_mm[1:]
        axes.set(xlim=(view.extent_mm[0], right), ylim=(low, top))
    foot = f"{trail.direction}, from {trail.start or 'nothing'}: {trail.predictions} predictions, "
    foot += f"{int(found.sum())} retained, "
    foot += f"{trail.second_pass_predictions} in the second pass, " if trail.second_pass_predictions else ""
    foot += f"until {trail.ended}     green: retained, blue: moved on, red: nothing"
    for words_said, height, size in ((title, 1 - 0.2 / total[1], 11), (foot, 0.2 / total[1], 7)):
        figure.text(0.5, height, words_said, color="white", fontsize=size, ha="center", va="center", parse_math=False)
    write_figure(figure, path)
