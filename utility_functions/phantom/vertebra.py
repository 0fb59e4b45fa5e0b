"""The solids that one vertebra is made of, in its own frame: body, arch, and the processes of its region."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.labels import region_of
from utility_functions.phantom.anatomy import LevelSize, Vertebra
from utility_functions.phantom.shapes import Shape, capsule, ellipsoid, endplate_body, upright_plate

SIDES = (-1.0, 1.0)


def _body(size: LevelSize, height: float, vertebra: Vertebra, lips: float = 0.0) -> Shape:
    notch = 0.07 * size.depth if size.width > 24 else 0.02 * size.depth
    return endplate_body(
        size.width,
        size.depth,
        height,
        vertebra.waist,
        vertebra.wedge,
        vertebra.hollow,
        lips,
        notch,
        rim=vertebra.rim,
    )


def _spinous(size: LevelSize, root_y: float, root_z: float, tip_share: float, half_width: float) -> Shape:
    """The spinous process: from the back of the canal down the slope of its level."""
    half = size.spinous_height / 2
    slope = np.radians(size.slope)
    length = size.spinous - half * tip_share
    tip = (0.0, root_y - length * np.cos(slope), root_z - length * np.sin(slope))
    return upright_plate((0.0, root_y, root_z), tip, half, half * tip_share, half_width)


def _cervical(vertebra: Vertebra, height: float) -> list[Shape]:
    size, h = vertebra.size, height / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    pillar_x, pillar_y = canal + 4.5, back - 0.30 * size.canal_depth
    shapes = [_body(size, height, vertebra, lips=2.6)]
    for side in SIDES:
        pillar = side * pillar_x
        tip = side * (size.span / 2 - 3)
        shapes += [
            capsule((side * size.width * 0.42, back + 3, 0), (pillar, pillar_y, 0), size.pedicle_width / 2, tall=1.15),
            capsule((pillar, pillar_y + 2.5, h * 0.95), (pillar, pillar_y - 2.5, -h * 0.95), 6.0),
            capsule((pillar, pillar_y - 1, -0.5), (side * 2.0, rear - 2.0, -h * 0.35), 2.6, 2.9, tall=2.2),
            # Two bars round the opening for the vertebral artery.
            capsule((side * size.width * 0.45, back + 6, -1), (tip, back + 5.0, -2.5), 2.6, 3.0),
            capsule((pillar, pillar_y + 2, -1), (tip, back + 1.0, -3.5), 2.8, 3.0),
        ]
        if vertebra.name in ("C3", "C4", "C5", "C6"):  # forked tips
            slope = np.radians(size.slope)
            reach = size.spinous - 3
            middle = (side * 1.0, rear - 0.6 * reach * np.cos(slope), -h * 0.4 - 0.6 * reach * np.sin(slope))
            fork = (side * 4.0, rear - reach * np.cos(slope), -h * 0.4 - reach * np.sin(slope))
            shapes.append(capsule(middle, fork, 2.6, 2.4))
    shapes.append(_spinous(size, rear - 2.0, -h * 0.4, 0.8, 2.8))
    return shapes


def _thoracic(vertebra: Vertebra, height: float) -> list[Shape]:
    size, h = vertebra.size, height / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    root_x = canal + size.pedicle_width / 2
    last = vertebra.name in ("T11", "T12", "T13")
    shapes = [_body(size, height, vertebra)]
    lamina = 0.46 * height
    for side in SIDES:
        root = side * root_x
        joint_x = side * max(canal * 0.85, 8.0)
        arch_y = back - 0.55 * size.canal_depth
        tip = (side * (size.span / 2 - 4.5), rear - (2 if last else 6), h * (0.25 if last else 0.45))
        shapes += [
            capsule((root, back + 4, 0.42 * h), (root, arch_y, 0.42 * h), size.pedicle_width / 2, tall=1.7),
            capsule((root, arch_y, 0.3 * h), tip, 4.8, 5.2, tall=1.3),
            capsule((root, arch_y, 0), (side * 2.5, rear - 2.6, -0.35 * h), 3.0, 3.4, tall=lamina / 3.0),
            capsule((root, arch_y - 1, 0.4 * h), (joint_x, arch_y - 1.5, h + 6.5), 5.0, 3.6),
            capsule((root, arch_y - 3, 0), (joint_x, arch_y - 6.5, -h - 4.5), 5.0, 4.0),
        ]
    shapes.append(_spinous(size, rear - 2.0, -0.15 * h, 0.62, 3.0))
    return shapes


def _lumbar(vertebra: Vertebra, height: float) -> list[Shape]:
    size, h = vertebra.size, height / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    root_x = canal + size.pedicle_width / 2
    low = vertebra.name in ("L5", "L6")
    shapes = [_body(size, height, vertebra)]
    for side in SIDES:
        root = side * root_x
        arch_y = back - 0.6 * size.canal_depth
        tip = (side * (size.span / 2 - 3), arch_y + (3 if low else -4), h * (0.35 if low else 0.25))
        upper, lower = side * (canal + 6.5), side * (canal * 0.75 + (3.5 if low else 1.0))
        shapes += [
            capsule((root, back + 5, 0.45 * h), (root, arch_y, 0.40 * h), min(size.pedicle_width / 2, 6), tall=1.35),
            capsule((root, arch_y + 1, 0.35 * h), tip, 6.5 if low else 4.8, 3.2, tall=1.5),
            capsule((root, arch_y - 1, 0.35 * h), (upper, arch_y - 6, h + 4.0), 6.2, 5.4),
            capsule((root - side, arch_y - 2, 0.3 * h), (lower + side, rear - 2, -0.5 * h), 5.2, 5.6),
            capsule((lower, rear - 2, -0.5 * h), (lower, rear - 1, -h - 5.5), 6.0, 5.0),
            capsule((lower, rear - 0.5, -0.2 * h), (side * 2.0, rear - 4.0, -0.25 * h), 3.7, 3.8, tall=2.8),
        ]
    shapes.append(_spinous(size, rear - 4.0, -0.25 * h, 0.85, 3.4))
    return shapes


def _axis(vertebra: Vertebra, height: float) -> list[Shape]:
    """C2: a body that carries the dens, broad upper joints beside it and a stout spinous process."""
    size, h = vertebra.size, height / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    shapes = [
        _body(size, height, vertebra),
        capsule((0, 0.5, h * 0.5), (0, -2.5, h + 16.5), 5.6, 4.8),
        ellipsoid((0, 0, h * 0.9), (9, 7, 6)),
    ]
    for side in SIDES:
        shapes += [
            ellipsoid((side * 14.0, -4.0, h + 0.5), (8.5, 9.0, 5.5)),
            capsule((side * 13, -6, h * 0.4), (side * (canal + 4), back - 6, -h), 4.8),
            capsule((side * 14, -7, -1), (side * (size.span / 2 - 3), -9, -4), 3.2, 2.8),
            capsule((side * (canal + 3), back - 5, -h * 0.5), (side * 2.5, rear - 2.5, -h * 0.6), 3.0, 3.4, tall=1.7),
        ]
    shapes.append(_spinous(size, rear - 3.0, -h * 0.6, 0.85, 4.5))
    return shapes


def _atlas(vertebra: Vertebra, height: float) -> list[Shape]:
    """C1: a ring of two arches and two lateral masses with wide transverse processes; the origin lies in the ring."""
    size = vertebra.size
    shapes = []
    front, rear = 15.5, -30.0
    for side in SIDES:
        mass = (side * 18.0, 3.0, 0.0)
        shapes += [
            ellipsoid(mass, (8.5, 10.5, 8.0)),
            capsule((0, front, 1.0), (side * 13.0, 10.0, 0.5), 3.1, 3.4, tall=1.6),
            capsule((side * 19, -4, 1.5), (side * 17.5, -17, 2), 3.4, 3.0, tall=1.2),
            capsule((side * 17.5, -17, 2), (side * 9, -27, 2), 3.0, 3.0, tall=1.4),
            capsule((side * 9, -27, 2), (0, rear, 1.5), 3.0, 3.4, tall=1.4),
            capsule((side * 22, 1, 0), (side * (size.span / 2 - 3.5), -2, -1), 3.8, 3.4),
        ]
    return shapes


def vertebra_solids(vertebra: Vertebra) -> tuple[list[Shape], Shape]:
    """The solids of a vertebra in its own frame, and the canal to be kept free of bone."""
    size = vertebra.size
    height = vertebra.height / vertebra.scale
    if vertebra.name == "C1":
        solids = _atlas(vertebra, height)
    elif vertebra.name == "C2":
        solids = _axis(vertebra, height)
    elif region_of(vertebra.name) == "Cervical":
        solids = _cervical(vertebra, height)
    elif region_of(vertebra.name) == "Thoracic":
        solids = _thoracic(vertebra, height)
    else:
        solids = _lumbar(vertebra, height)
    middle = -size.depth / 2 - size.canal_depth / 2 if vertebra.name != "C1" else -13.0
    ratio = size.canal_width / size.canal_depth if vertebra.name != "C1" else 1.0
    return solids, _canal(middle, size.canal_depth / 2 if vertebra.name != "C1" else 12.0, ratio, 2 * height)


def _canal(middle: float, radius: float, ratio: float, reach: float) -> Shape:
    def distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        across, along = x / np.float32(ratio), y - np.float32(middle)
        return np.asarray(np.sqrt(across * across + along * along) - np.float32(radius) + 0 * z)

    extent = np.array([radius * ratio, radius, reach])
    return Shape(distance, np.array([0, middle, 0]) - extent, np.array([0, middle, 0]) + extent)
