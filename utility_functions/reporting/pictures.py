"""A scan's picture: sagittal and coronal views through its spine, with the names beside the vertebrae."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.morphometry.spine_measurements import SpineMeasurements
from utility_functions.files.atomic_write import written_whole
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.label_placement import spread
from utility_functions.reporting.level_colours import label_colours, level_colour
from utility_functions.reporting.measurement_drawing import draw_measurements
from utility_functions.reporting.views import View, coronal_view, sagittal_view, spine_course, window

DPI = 110
WIDTH_IN, HEIGHT_IN = 13.0, 9.0  # the most that both views together take
SMALLEST_IN = 1.6
EDGE_IN, HEAD_IN, FOOT_IN = 0.3, 0.65, 0.6  # room for the edge letters, and for the title and the foot with them
FONT_PT, SMALLEST_FONT_PT = 9.0, 5.0
NAME_DISTANCE_MM = 30.0
OVERLAY = 0.4
STROKE = (withStroke(linewidth=2.5, foreground="black"),)
TRUE_COLOUR, FALSE_COLOUR = "white", "tomato"


def scan_picture(
    volume: Volume,
    landmarks: Landmarks | None,
    path: Path,
    label_map: LabelMap | None = None,
    true_landmarks: Landmarks | None = None,
    title: str = "",
    naming: NamingRecord | None = None,
) -> None:
    """Write ``scan_figure`` as a PNG."""
    write_figure(scan_figure(volume, landmarks, label_map, true_landmarks, title, naming), path)


def scan_figure(
    volume: Volume,
    landmarks: Landmarks | None,
    label_map: LabelMap | None = None,
    true_landmarks: Landmarks | None = None,
    title: str = "",
    naming: NamingRecord | None = None,
    measured: SpineMeasurements | None = None,
    quarter_turns: int = 0,
) -> Figure:
    """The two views, in true proportions.

    Predicted centroids are dots with their names to the left; true ones are hollow rings with their names to the right,
    joined by a line to the prediction of the same name. label_map: VerSe ids, drawn half transparent; it may lie on
    another grid than the volume. Landmarks that the picture cannot show are named below it.
    naming: interpolated levels are drawn hollow, false detections as crosses, and a warning is added to the title.
    measured: end plates, heights and angles are drawn; quarter_turns: of all else against the frame of these.
    """
    interpolated = () if naming is None else naming.interpolated
    false_mm = np.array([] if naming is None else naming.false_mm, float).reshape(-1, 3)
    guides: list[Landmarks | None] = [true_landmarks, landmarks]
    if label_map is not None and not any(guide is not None and len(guide) for guide in guides):
        guides.append(body_centroids(label_map))
    course_mm = spine_course(volume, *guides)
    views = (sagittal_view(volume, course_mm, label_map), coronal_view(volume, course_mm, label_map))
    low, high = window(volume)
    predicted, hidden = _shown(views, landmarks or Landmarks.empty())
    true, truly_hidden = _shown(views, true_landmarks or Landmarks.empty())
    figure, panels = _panels(views)
    for axes, view in zip(panels, views, strict=True):
        axes.imshow(blended(view, low, high), extent=view.extent_mm, interpolation="bilinear", aspect="auto")
        _edge_letters(axes, view)
        _draw_landmarks(axes, view, predicted, true, interpolated, naming)
        for across, height in view.flat(false_mm[view.shows(false_mm)]):
            axes.plot(across, height, "x", markersize=6, color=FALSE_COLOUR)
    if measured is not None and (angles := draw_measurements(panels, views, measured, quarter_turns)):
        _write_line(figure, angles, 0.32 / figure.get_figheight(), 8, "white")
    foot = ["dots, names on the left: predicted"] * bool(len(predicted))
    foot += [f"hollow: interpolated, not detected ({', '.join(interpolated)})"] * bool(interpolated)
    foot += ["crosses: detected, but no vertebra"] * bool(len(false_mm))
    foot += ["rings, names on the right: true"] * bool(len(true))
    foot += [f"outside the picture: {', '.join(hidden)}"] * bool(hidden)
    foot += [f"true, outside the picture: {', '.join(truly_hidden)}"] * bool(truly_hidden)
    title = title if naming is None or not naming.doubt else f"{title}    {naming.doubt}"
    _write_line(figure, title, 0.2 / figure.get_figheight(), 11, "white", from_top=True)
    _write_line(figure, "     ".join(foot) or "no landmarks", 0.15 / figure.get_figheight(), 8, "silver")
    return figure


def blended(view: View, low: float, high: float) -> NDArray[np.float64]:
    """Red, green, blue (rows, columns, 3) in 0..1 of a view: grey from ``low`` to ``high``, labels half transparent."""
    grey = np.nan_to_num(np.clip((view.pixels - low) / (high - low), 0, 1), nan=0.0)
    image = np.repeat(grey[..., None].astype(np.float64), 3, axis=-1)
    if view.labels is not None:
        marked = view.labels != 0
        image[marked] = (1 - OVERLAY) * image[marked] + OVERLAY * label_colours(view.labels[marked])
    return image


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    with written_whole(path) as place:
        figure.savefig(place, format="png", dpi=DPI, facecolor=figure.get_facecolor())


def _panels(views: tuple[View, ...]) -> tuple[Figure, list[Axes]]:
    """A black figure with one panel per view, side by side at one scale."""
    sizes_mm = np.array([(v.extent_mm[0] - v.extent_mm[1], v.extent_mm[3] - v.extent_mm[2]) for v in views])
    inch_per_mm = min(WIDTH_IN / sizes_mm[:, 0].sum(), HEIGHT_IN / sizes_mm[:, 1].max())
    sizes_in = sizes_mm * inch_per_mm
    rooms = np.maximum(sizes_in, SMALLEST_IN) + np.array((2 * EDGE_IN, 0))
    total = float(rooms[:, 0].sum()), float(rooms[:, 1].max()) + HEAD_IN + FOOT_IN
    figure = Figure(figsize=total, facecolor="black")
    panels = []
    for left, room, (width, height) in zip(np.cumsum(rooms[:, 0]) - rooms[:, 0], rooms[:, 0], sizes_in, strict=True):
        bottom = FOOT_IN + (total[1] - HEAD_IN - FOOT_IN - height) / 2
        place = np.array((left + (room - width) / 2, bottom, width, height)) / (total * 2)
        axes = figure.add_axes(tuple(place.tolist()))
        axes.set_axis_off()
        panels.append(axes)
    return figure, panels


def _edge_letters(axes: Axes, view: View) -> None:
    for letter, (x, y) in zip(view.edges, ((0, 0.5), (1, 0.5), (0.5, 1), (0.5, 0)), strict=True):
        outward = (24 * (x - 0.5), 24 * (y - 0.5))
        text = axes.annotate(letter, (x, y), xycoords="axes fraction", xytext=outward, textcoords="offset points")
        text.set(ha="center", va="center", color="gold", fontsize=11, fontweight="bold")


def _draw_landmarks(
    axes: Axes,
    view: View,
    predicted: Landmarks,
    true: Landmarks,
    interpolated: Collection[str],
    naming: NamingRecord | None,
) -> None:
    for name, point in true:
        if name in predicted:
            ends = view.flat([point, predicted.point(name)])
            axes.plot(*ends.T, color=level_colour(name), linewidth=1.2, path_effects=STROKE)
    for across, height in view.flat(true.points_mm):
        for colour, width in (("black", 2.6), (TRUE_COLOUR, 1.0)):
            ring = axes.plot(across, height, "o", markersize=9, markerfacecolor="none", markeredgecolor=colour)
            ring[0].set_markeredgewidth(width)
    for name, (across, height) in zip(predicted.names, view.flat(predicted.points_mm), strict=True):
        if name in interpolated:
            axes.plot(across, height, "o", markersize=6, markerfacecolor="none", markeredgecolor=level_colour(name))
        else:
            axes.plot(across, height, "o", markersize=5, color=level_colour(name), markeredgecolor="black")
    _draw_names(axes, view, predicted, to_left=True, naming=naming)
    _draw_names(axes, view, true, to_left=False)
    left, right, bottom, top = view.extent_mm
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _draw_names(
    axes: Axes, view: View, landmarks: Landmarks, to_left: bool, naming: NamingRecord | None = None
) -> None:
    """Names, or ranges of uncertain ones, in a row along the spine.

    A thin line joins each to its point, and none lies over another.
    """
    if not len(landmarks):
        return
    left, right, bottom, top = view.extent_mm
    mm_per_pt = (top - bottom) / (axes.bbox.height / axes.figure.dpi * 72)
    room_pt = (top - bottom) / mm_per_pt
    font_pt = float(np.clip(room_pt / len(landmarks) / 1.25, SMALLEST_FONT_PT, FONT_PT))
    margin_mm = min(0.7 * font_pt * mm_per_pt, (top - bottom) / 2)
    flat = view.flat(landmarks.points_mm)
    heights = spread(flat[:, 1], 1.25 * font_pt * mm_per_pt, bottom + margin_mm, top - margin_mm)
    distance_mm = min(NAME_DISTANCE_MM, 0.3 * (left - right)) * (1 if to_left else -1)
    letters = 2.4 if naming is None or not naming.ranges else 5.6
    widest_mm = min(letters * font_pt * mm_per_pt, (left - right) / 2)
    nearest, furthest = right + (0 if to_left else widest_mm), left - (widest_mm if to_left else 0)
    for name, (across, height), text_height in zip(landmarks.names, flat, heights, strict=True):
        text_across = float(np.clip(across + distance_mm, nearest, furthest))
        colour = level_colour(name) if to_left else TRUE_COLOUR
        axes.plot((across, text_across), (height, text_height), color=colour, linewidth=0.6, alpha=0.7)
        words = name if naming is None else naming.in_words(name)
        text = axes.text(text_across, text_height, words or "?", ha="right" if to_left else "left", va="center")
        text.set(color=colour, fontsize=font_pt, fontweight="bold", path_effects=STROKE)


def _shown(views: tuple[View, ...], landmarks: Landmarks) -> tuple[Landmarks, list[str]]:
    """The landmarks that fall inside every view, and the names of the others."""
    inside = np.all([view.shows(landmarks.points_mm) for view in views], axis=0)
    return landmarks.at(np.flatnonzero(inside)), [landmarks.names[i] or "?" for i in np.flatnonzero(~inside)]


def _write_line(
    figure: Figure, words: str, from_edge: float, size_pt: float, colour: str, from_top: bool = False
) -> None:
    height = 1 - from_edge if from_top else from_edge
    figure.text(0.5, height, words, color=colour, fontsize=size_pt, ha="center", va="center", parse_math=False)
