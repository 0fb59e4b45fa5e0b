"""All organs anterior of the spine, in the order of painting."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.belly import paint_belly
from utility_functions.phantom.bowel import paint_bowel
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.chest import paint_chest
from utility_functions.phantom.neck import paint_neck
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso
from utility_functions.phantom.vessels import paint_vessels


def paint_organs(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the organs of neck, chest and abdomen, and their vessels."""
    paint_bowel(canvas, spine, torso, tissue, rng)
    paint_belly(canvas, spine, torso, tissue, rng)
    paint_chest(canvas, spine, torso, tissue, rng)
    paint_neck(canvas, spine, tissue, rng)
    paint_vessels(canvas, spine, torso, tissue, rng)
