"""A picture of vertebrae, discs and canal: the sagittal plane along the spine, prediction beside truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utility_functions.anatomy.structures import SPIDER_CANAL, SPIDER_DISCS
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.pictures import write_figure
from utility_functions.reporting.views import View, sagittal_view, window

HEIGHT_IN = 8.0
OPAQUE = 0.45
VERTEBRAE = ((0.93, 0.35, 0.25), (0.98, 0.68, 0.30))
DISCS = ((0.25, 0.62, 0.95), (0.45, 0.85, 0.95))
CANAL = (0.45, 0.85, 0.35)
"""Neighbours differ, so that single vertebrae and discs can be distinguished."""


def structure_picture(volume: Volume, predicted: LabelMap, true: LabelMap | None, path: Path, title: str = "") -> None:
    """Write a PNG: the scan, what was predicted and, where it is known, what is true; both in SPIDER's code."""
    course = _course(true if true is not None and (true.voxels > 0).any() else predicted)
    low, high = window(volume)
    panels = [("scan", None), ("predicted", predicted), *([] if true is None else [("true", true)])]
    views = [(name, sagittal_view(volume, course, labels)) for name, labels in panels]
    left, right, bottom, top = views[0][1].extent_mm
    wide = max(HEIGHT_IN * (left - right) / (top - bottom), 1.5)
    figure = Figure(figsize=(len(views) * wide, HEIGHT_IN + 0.5), facecolor="black")
    for place, (name, view) in enumerate(views):
        axes = figure.add_axes((place / len(views), 0.0, 1 / len(views), HEIGHT_IN / (HEIGHT_IN + 0.5)))
        axes.imshow(coloured(view, low, high), extent=view.extent_mm, aspect="auto", interpolation="nearest")
        axes.set_axis_off()
        where, heading = ((place + 0.5) / len(views), 0.97), f"{title} {name}".strip()
        figure.text(*where, heading, color="white", ha="center", va="center", parse_math=False)
    write_figure(figure, path)


def coloured(view: View, low: float, high: float) -> NDArray[np.float64]:
    """Red, green, blue (rows, columns, 3) in 0..1: grey from ``low`` to ``high``, structures over it."""
    grey = np.nan_to_num(np.clip((view.pixels - low) / (high - low), 0, 1), nan=0.0)
    image = np.repeat(grey[..., None].astype(np.float64), 3, axis=-1)
    for number in np.unique(view.labels) if view.labels is not None else ():
        if number:
            there = view.labels == number
            image[there] = (1 - OPAQUE) * image[there] + OPAQUE * np.array(_colour(int(number)))
    return image


def _colour(number: int) -> tuple[float, float, float]:
    if number == SPIDER_CANAL:
        return CANAL
    return (DISCS if number > SPIDER_DISCS else VERTEBRAE)[number % 2]


def _course(label_map: LabelMap) -> NDArray[np.float64]:
    """Points (n, 3) in mm, upwards, through the middle of discs and canal, else of all there is, or of the scan."""
    turned = label_map.reoriented("RAS")
    voxels = turned.voxels
    for wanted in ((voxels >= SPIDER_DISCS) | (voxels == SPIDER_CANAL), voxels > 0):
        rows = np.flatnonzero(wanted.any(axis=(0, 1)))
        if len(rows):
            middles = [np.argwhere(wanted[:, :, row]).mean(axis=0) for row in rows[:: max(1, len(rows) // 40)]]
            places = np.column_stack([middles, rows[:: max(1, len(rows) // 40)]])
            return np.asarray(turned.grid.to_mm(places))
    return np.asarray(turned.grid.to_mm((np.array(turned.grid.shape) - 1) / 2))[None]
