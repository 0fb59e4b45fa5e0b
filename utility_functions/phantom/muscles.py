"""What lies against the spine: muscles beside and behind it, and the contents of its canal."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.organs import blobs
from utility_functions.phantom.shapes import Vector, capsule
from utility_functions.phantom.skeleton import along
from utility_functions.phantom.tissue import Tissue

SIDES = (-1.0, 1.0)
# Right and forward of the body centre, and radius, of psoas at each level (mm of a mean patient).
PSOAS = (("T12", 21, -4, 4.0), ("L1", 26, -4, 7.0), ("L2", 31, -2, 12.0), ("L3", 36, 0, 16.0), ("L4", 42, 2, 19.0))


def paint_muscles(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Psoas and square muscles, erector muscles with more or less fat in and between them."""
    s = spine.scale
    fatty = rng.uniform(0, 1)
    lumbar = [name for name in spine.names if name[0] == "L" or name in ("T11", "T12", "S1")]
    thoracic = [name for name in spine.names if name[0] == "T" or name == "L1"]
    cervical = [name for name in spine.names if name[0] == "C" and name != "C1"] + ["T1", "T2"]

    def chain(levels: list[str], place: tuple[float, float, float]) -> Vector:
        return np.array([spine[name].frame.out(place) for name in levels])

    flesh = tissue.muscle_hu
    sheath = 0.6 * flesh + 0.4 * tissue.fat_hu - 40 * fatty
    for side in SIDES:
        points = [spine[name].frame.out((side * x, y, 0)) for name, x, y, _ in PSOAS]
        points += [
            spine["L5"].frame.out((side * 52, 8, 0)),
            spine["S1"].frame.origin + s * np.array([side * 76, 36, -35]),
        ]
        radii = [*(radius * s for *_, radius in PSOAS), 20.0 * s, 19.0 * s]
        for (a, ra), (b, rb) in pairwise(zip(points, radii, strict=True)):
            blobs(canvas, [capsule(a, b, ra, rb)], "muscle", flesh + 4, 6)
        square = chain(["L1", "L2", "L3", "L4"], (side * 58, -24, 0))
        blobs(canvas, along(square, 11 * s), "muscle", flesh, 6)
        # A faint sheath first, then the bellies of the erector muscles inside it.
        for x, y, radius in ((22, -54, 16.0), (44, -50, 16.0)):
            blobs(canvas, along(chain(lumbar, (side * x, y, 0)), (radius + 1.2) * s), "muscle", sheath, 6)
        for x, y, radius in ((20, -53, 15.0 - 4 * fatty), (44, -50, 15.0 - 2 * fatty)):
            blobs(
                canvas, along(chain(lumbar, (side * x, y, 0)), radius * s), "muscle", flesh - 25 * fatty, 6 + 20 * fatty
            )
        blobs(canvas, along(chain(thoracic, (side * 17, -44, 0)), 12 * s), "muscle", sheath, 6)
        blobs(
            canvas, along(chain(thoracic, (side * 17, -44, 0)), (11 - 2 * fatty) * s), "muscle", flesh - 15 * fatty, 6
        )
        for x, y, radius in ((12, -34, 9.0), (26, -26, 9.0), (18, -50, 9.0)):
            place = chain(cervical, (side * x, y, 0))
            blobs(canvas, along(place, (radius + 1.0) * s), "muscle", sheath, 6)
            blobs(canvas, along(place, (radius - 0.5) * s), "muscle", flesh, 6)
        blobs(canvas, along(chain(cervical[:-1], (side * 9, 11, 0)), 5.5 * s), "muscle", flesh + 5, 4)
    gap = chain([name for name in spine.names if name[0] in "TL"], (0, -58, 0))
    blobs(canvas, along(gap, (1.5 + 2.5 * fatty) * s), "fat", tissue.fat_hu, 6)


def paint_canal(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Fat round the sac, the sac with its fluid, and the cord down to L1."""
    middle, radii = [], []
    for vertebra in spine.vertebrae:
        size = vertebra.size
        inside = -13.0 if vertebra.name == "C1" else -(size.depth + size.canal_depth) / 2
        middle.append(vertebra.frame.out((0, inside, 0)))
        radii.append(min(size.canal_depth, 18.0) / 2 * vertebra.scale)
    path = np.array([middle[0] + (middle[0] - middle[1]) * 1.2, *middle])
    radii = [radii[0], *radii]
    end, cord_end = len(path) - 1, spine.names.index("L1") + 2
    tubes = (
        (1.2, "fat", tissue.fat_hu + 30, end),
        (0.95, "fluid", tissue.csf_hu, end),
        (0.5, "cord", tissue.cord_hu, cord_end),
    )
    for share, name, hu, last in tubes:
        for i in range(last):
            blobs(canvas, [capsule(path[i], path[i + 1], radii[i] * share, radii[i + 1] * share)], name, hu, 4)
