"""Measurements drawn into a scan's picture: end plates, heights and the angles of the spine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from utility_functions.anatomy.morphometry.spine_measurements import CORONAL_CURVE, SpineAngle, SpineMeasurements
from utility_functions.anatomy.morphometry.vertebral_body import ANTERIOR, MIDDLE, POSTERIOR, BodyShape
from utility_functions.geometry.quarter_turns import turned_points
from utility_functions.reporting.label_placement import spread
from utility_functions.reporting.level_colours import level_colour
from utility_functions.reporting.views import View

LINE_PT, LINE_COLOUR = 1.0, "white"
FONT_PT, SMALLEST_PT = 8.0, 5.0
STROKE = (withStroke(linewidth=2.2, foreground="black"),)


def draw_measurements(
    panels: Sequence[Axes], views: Sequence[View], measured: SpineMeasurements, quarter_turns: int = 0
) -> str:
    """Draw into the panels of the sagittal and the coronal view; returns the angles in one line.

    Sagittal: both end plates of each body, its front, middle and back height, and the three figures in mm at the right
    edge, with the grade that they suggest. Coronal: the two end plates of the largest curve.
    quarter_turns: of the views against the frame of the measurements.
    """
    sagittal, coronal = zip(panels, views, strict=True)
    shapes = {each.level: each.shape for each in measured.vertebrae if each.shape is not None}
    for shape in shapes.values():
        for upper in (True, False):
            _line(*sagittal, [shape.corner(upper, True), shape.corner(upper, False)], quarter_turns)
        for fraction in (ANTERIOR, MIDDLE, POSTERIOR):
            ends = [_at(shape, upper, fraction) for upper in (True, False)]
            _line(*sagittal, ends, quarter_turns, style=":")
    _write_heights(*sagittal, measured, quarter_turns)
    curve = next((each for each in measured.angles if each.name == CORONAL_CURVE), None)
    if curve is not None:
        for name, upper in ((curve.upper, True), (curve.lower, False)):
            _line(*coronal, _across(shapes[name], upper), quarter_turns)
    return "     ".join(map(_in_words, measured.angles))


def _at(shape: BodyShape, upper: bool, fraction: float) -> NDArray[np.float64]:
    """The point of an end plate at a fraction of the body's depth from its front."""
    front, back = shape.corner(upper, True), shape.corner(upper, False)
    return np.asarray(front + fraction * (back - front))


def _across(shape: BodyShape, upper: bool) -> list[NDArray[np.float64]]:
    """The two ends of an end plate from side to side."""
    plate = shape.upper if upper else shape.lower
    along = shape.right - np.dot(shape.right, plate.normal) * plate.normal
    along /= np.linalg.norm(along)
    return [plate.centre_mm + side * shape.width_mm / 2 * along for side in (1, -1)]


def _line(axes: Axes, view: View, ends: Sequence[NDArray[np.float64]], quarter_turns: int, style: str = "-") -> None:
    flat = view.flat(turned_points(np.stack(ends), quarter_turns))
    axes.plot(*flat.T, style, color=LINE_COLOUR, linewidth=LINE_PT, path_effects=STROKE)


def _write_heights(axes: Axes, view: View, measured: SpineMeasurements, quarter_turns: int) -> None:
    """Front, middle and back heights at the right edge, none over another."""
    rows = [(each, each.shape) for each in measured.vertebrae if each.shape is not None]
    if not rows:
        return
    left, right, bottom, top = view.extent_mm
    mm_per_pt = (top - bottom) / (axes.bbox.height / axes.figure.dpi * 72)
    font_pt = float(np.clip((top - bottom) / mm_per_pt / (len(rows) + 2) / 1.25, SMALLEST_PT, FONT_PT))
    points = np.stack([shape.centre_mm for _, shape in rows])
    heights = view.flat(turned_points(points, quarter_turns))[:, 1]
    gap = 1.25 * font_pt * mm_per_pt
    places = spread(heights, gap, bottom + gap, top - 2 * gap)
    edge = right + 0.01 * (left - right)
    for (each, shape), height in zip(rows, places, strict=True):
        words = f"{shape.anterior_mm:.0f} {shape.middle_mm:.0f} {shape.posterior_mm:.0f}"
        words = f"grade {each.grade}?  {words}" if each.grade else words
        text = axes.text(edge, height, words, ha="right", va="center", fontsize=font_pt)
        text.set(color=level_colour(each.level), path_effects=STROKE)
    heading = axes.text(edge, max(places) + gap, "front middle back, mm", ha="right", va="center", fontsize=font_pt)
    heading.set(color="silver", path_effects=STROKE)


def _in_words(angle: SpineAngle) -> str:
    between = f" {angle.upper}-{angle.lower}" if angle.upper not in angle.name else ""
    return f"{angle.name}{between} {angle.degrees:.0f}°"
