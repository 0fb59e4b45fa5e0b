"""The solids that one vertebra is made of, in its own frame: body, arch, and the processes of its region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utility_functions.anatomy.labels import region_of
from utility_functions.phantom.cervical import atlas_solids, axis_solids, cervical_solids, foramina
from utility_functions.phantom.joints import Facet, lower_facets, upper_facets
from utility_functions.phantom.lumbar import lumbar_solids
from utility_functions.phantom.shapes import Shape
from utility_functions.phantom.spine_model import Vertebra
from utility_functions.phantom.thoracic import thoracic_solids

ATLAS_CANAL = (-9.5, 11.5)
"""Centre and radius in mm of the canal behind the dens, in the frame of C1."""


def vertebra_solids(vertebra: Vertebra, below: Vertebra | None = None) -> tuple[list[Shape], Shape]:
    """The solids of a vertebra in its own frame, and its canal, which is free of bone.

    below: the next vertebra, with whose superior facets the inferior ones articulate; None: a vertebra of the same size
    at the usual distance.
    """
    upper = upper_facets(vertebra)
    lower = _usual_lower(vertebra) if below is None else lower_facets(vertebra, below)
    size, height = vertebra.size, vertebra.height / vertebra.scale
    if vertebra.name == "C1":
        solids = atlas_solids(vertebra, lower)
    elif vertebra.name == "C2":
        solids = axis_solids(vertebra, upper, lower)
    elif region_of(vertebra.name) == "Cervical":
        solids = cervical_solids(vertebra, upper, lower)
    elif region_of(vertebra.name) == "Thoracic":
        solids = thoracic_solids(vertebra, upper, lower)
    else:
        solids = lumbar_solids(vertebra, upper, lower)
    if vertebra.name == "C1":
        return solids, _canal(*ATLAS_CANAL, 1.12, 2 * height)
    ratio = size.canal_width / size.canal_depth
    front = 0.12 if region_of(vertebra.name) == "Thoracic" else 0.3
    return solids, _canal(-(size.depth + size.canal_depth) / 2, size.canal_depth / 2, ratio, 2 * height, front)


def vertebra_foramina(vertebra: Vertebra) -> list[Shape]:
    """The transverse foramina of C1 to C6, and small ones of C7."""
    return foramina(vertebra) if region_of(vertebra.name) == "Cervical" else []


def _usual_lower(vertebra: Vertebra) -> list[Facet]:
    down = np.array([0.0, 0.0, vertebra.size.step])
    if vertebra.name == "C1":
        return [
            Facet(
                side,
                np.array([side * 15.5, 10.0, -7.5]),
                np.array([side * 0.3, 0.1, 0.94]),
                np.array([0, 1.0, 0]),
                (7.5, 8.5),
            )
            for side in (-1.0, 1.0)
        ]
    if vertebra.name == "C2":
        half = vertebra.height / vertebra.scale / 2
        return [
            Facet(
                side,
                np.array([side * 18.5, -15.0, -half - 2.5]),
                np.array([0, -0.7, 0.7]),
                np.array([0, 0.7, 0.7]),
                (5.6, 5.6),
            )
            for side in (-1.0, 1.0)
        ]
    return [replace(f, centre=f.centre - down) for f in upper_facets(vertebra)]


def _canal(middle: float, radius: float, ratio: float, reach: float, triangular: float = 0.0) -> Shape:
    """A tube along z, ``ratio`` times as wide as deep; or a rounded triangle with its base at the body."""

    def distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        across, along = x / np.float32(ratio), y - np.float32(middle)
        if triangular:
            across = across * (1 - np.float32(triangular / radius) * along).clip(0.7, 1.6)
        return np.asarray(np.sqrt(across * across + along * along) - np.float32(radius) + 0 * z)

    extent = np.array([1.2 * radius * ratio, radius, reach])
    return Shape(distance, np.array([0, middle, 0]) - extent, np.array([0, middle, 0]) + extent)
