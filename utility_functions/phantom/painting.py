"""Paints one patient from the outside in: soft tissues first, then bones, each in its own box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.arms import paint_arms
from utility_functions.phantom.bones import paint_joints, paint_sacrum, paint_vertebrae, vertebra_surfaces
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.discs import paint_discs
from utility_functions.phantom.implants import add_streaks, paint_implants
from utility_functions.phantom.layers import paint_layers
from utility_functions.phantom.lesions import paint_lesions
from utility_functions.phantom.muscles import paint_canal, paint_muscles
from utility_functions.phantom.organs import paint_organs
from utility_functions.phantom.other_bones import paint_other_bones
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.spurs import paint_spurs
from utility_functions.phantom.tissue import draw_tissue
from utility_functions.phantom.torso import Torso
from utility_functions.phantom.vertebra import vertebra_solids


def paint_patient(canvas: Canvas, spine: Spine, torso: Torso, rng: np.random.Generator) -> None:
    """Fills a canvas with the patient: HU, and the VerSe ids of vertebrae and sacrum."""
    tissue = draw_tissue(rng, spine.pathology.age)
    paint_layers(canvas, spine, torso, tissue, rng)
    canvas.layered()
    paint_arms(canvas, spine, torso, tissue, rng)
    paint_organs(canvas, spine, torso, tissue, rng)
    paint_muscles(canvas, spine, tissue, rng)
    paint_canal(canvas, spine, tissue)
    surfaces = vertebra_surfaces(canvas, spine)
    paint_other_bones(canvas, spine, torso, tissue, surfaces, rng)
    paint_discs(canvas, spine, tissue)
    paint_joints(canvas, spine, tissue, surfaces)
    paint_spurs(canvas, spine, tissue)
    paint_sacrum(canvas, spine, tissue, surfaces)
    paint_vertebrae(canvas, spine, tissue, surfaces, rng)
    paint_lesions(canvas, spine, tissue)
    paint_implants(canvas, spine)
    add_streaks(canvas, spine)


def atlas_centre(vertebra: Vertebra) -> NDArray[np.float64]:
    """The mean of the ring of C1, which has no body."""
    solids, canal = vertebra_solids(vertebra)
    low, high = np.min([s.low for s in solids], axis=0), np.max([s.high for s in solids], axis=0)
    steps = [np.arange(a, b, 1.5, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*steps, indexing="ij")
    inside = np.minimum.reduce([solid.distance(x, y, z) for solid in solids]) < 0
    inside &= canal.distance(x, y, z) > 0
    return vertebra.frame.out([float(v[inside].mean()) for v in (x, y, z)])
