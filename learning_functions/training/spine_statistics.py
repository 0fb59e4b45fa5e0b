"""Naming statistics of the spines that samples were cut from, for a model's card."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np

from learning_functions.samples.store.sample_store import SampleStore
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.default_statistics import STEPS, TURNS, scan_statistics
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.geometry.grid import direction_matrix
from utility_functions.geometry.landmarks import Landmarks


def spine_statistics(store: SampleStore, points_from: int) -> Statistics:
    """Distances and directions between the landmarks of the scans that samples were cut from, each scan once.

    points_from: the index in the samples' ``numbers`` from which they are points of LEVELS, in voxels of the patch
    (NaN: absent). The statistics of fields of view and of missed detections are the default ones.
    """
    usual = scan_statistics()
    turn = direction_matrix(store.spec.axcodes) * np.asarray(store.spec.spacing_mm)
    examples, places = [], store.places
    with h5py.File(store.path, "r") as file:
        for first in store.first_of_each_scan():
            points = file["numbers"][int(places[first])][points_from:].reshape(len(LEVELS), 3)
            there = np.flatnonzero(np.isfinite(points).all(axis=1))
            points_mm = points[there].astype(float) @ turn.T
            examples.append(Example(points_mm, Landmarks(tuple(LEVELS[i] for i in there), points_mm)))
    fitted = fit(example for example in examples if len(example.points_mm))
    anywhere = {
        name: getattr(usual, name)
        for name in ("starts", "ends", "missed", "variants", "false_rate", "inverse_temperature")
    }
    return replace(fitted.with_inflated_variances(STEPS, TURNS), **anywhere)
