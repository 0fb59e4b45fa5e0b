"""The spine as numbers: sizes per level, its curve, and the frame of every vertebra of one patient.

Sizes are rounded from published morphometry of dried and cadaver spines: Panjabi et al., Spine 1991;16:861
(cervical) and 888 (thoracic), Spine 1992;17:299 (lumbar); Gilad & Nissan, Spine 1986;11:154; spinous and transverse
processes are smoothed between levels. Steps and inclinations between body centres were measured on 1,947 CT scans of
the VID data set (Buergin et al. 2023, ImFusion, CC BY-SA 4.0); C2-C3 is VerSe's 18.5 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import USUAL_VERTEBRAE, VERSE_IDS
from utility_functions.phantom.shapes import Frame


@dataclass(frozen=True)
class LevelSize:
    """Mean size of one level in mm and degrees.

    width, depth: of the body's end plates. canal_width, canal_depth: inner. pedicle_width: side to side.
    span: tip to tip of the transverse processes. spinous: canal to tip; slope: degrees it points below the horizontal.
    spinous_height: of its root. step: to the next body centre below; lean: degrees it runs forward on its way down.
    disc: share of the step that the disc below takes.
    """

    width: float
    depth: float
    canal_width: float
    canal_depth: float
    pedicle_width: float
    span: float
    spinous: float
    slope: float
    spinous_height: float
    step: float
    lean: float
    disc: float


SIZES: dict[str, LevelSize] = {
    #              width depth canal-w -d pedicle span spinous slope height step  lean  disc
    "C1": LevelSize(20.0, 12.0, 28.0, 30.0, 8.0, 78.0, 4.0, 0.0, 8.0, 17.5, -14.0, 0.10),
    "C2": LevelSize(18.0, 15.5, 24.5, 19.0, 8.0, 54.0, 18.0, 22.0, 13.0, 18.5, -8.5, 0.22),
    "C3": LevelSize(17.5, 15.6, 23.0, 15.5, 5.6, 50.0, 13.0, 28.0, 7.0, 17.8, -13.0, 0.28),
    "C4": LevelSize(18.0, 15.9, 24.0, 15.5, 5.5, 51.0, 13.0, 28.0, 7.0, 17.2, -16.5, 0.28),
    "C5": LevelSize(19.5, 17.0, 24.8, 15.5, 5.7, 53.0, 14.0, 28.0, 7.5, 16.9, -17.0, 0.28),
    "C6": LevelSize(22.0, 17.8, 25.5, 15.6, 6.0, 56.0, 20.0, 26.0, 8.0, 17.9, -20.5, 0.27),
    "C7": LevelSize(24.0, 17.5, 24.5, 15.3, 6.8, 68.0, 29.0, 22.0, 9.0, 20.0, -27.0, 0.24),
    "T1": LevelSize(25.5, 18.0, 21.8, 15.8, 8.5, 76.0, 31.0, 26.0, 10.0, 20.9, -27.0, 0.20),
    "T2": LevelSize(26.0, 19.3, 19.5, 15.6, 7.2, 70.0, 31.0, 33.0, 10.0, 21.1, -25.5, 0.18),
    "T3": LevelSize(25.8, 21.8, 18.4, 15.8, 6.2, 64.0, 31.0, 40.0, 10.0, 21.0, -21.7, 0.17),
    "T4": LevelSize(25.5, 23.0, 17.3, 16.2, 5.6, 61.0, 32.0, 47.0, 9.5, 21.6, -16.7, 0.17),
    "T5": LevelSize(26.0, 24.3, 17.2, 16.4, 5.4, 61.0, 34.0, 53.0, 9.5, 22.1, -10.0, 0.17),
    "T6": LevelSize(27.0, 26.0, 17.3, 16.4, 5.6, 61.0, 36.0, 58.0, 9.5, 22.6, -3.0, 0.17),
    "T7": LevelSize(28.5, 27.4, 17.3, 16.0, 5.9, 60.0, 36.0, 59.0, 10.0, 23.3, 4.0, 0.18),
    "T8": LevelSize(30.0, 28.3, 17.7, 15.9, 6.4, 60.0, 34.0, 56.0, 10.5, 24.0, 9.5, 0.18),
    "T9": LevelSize(31.5, 29.5, 17.9, 15.7, 7.0, 58.0, 30.0, 48.0, 11.5, 25.4, 12.3, 0.18),
    "T10": LevelSize(33.5, 30.5, 18.3, 15.6, 7.7, 54.0, 27.0, 37.0, 13.0, 27.3, 13.3, 0.19),
    "T11": LevelSize(36.5, 31.5, 19.5, 16.0, 9.0, 47.0, 25.0, 26.0, 15.5, 29.6, 13.8, 0.20),
    "T12": LevelSize(40.0, 32.5, 22.0, 17.8, 9.0, 43.0, 26.0, 18.0, 18.5, 32.4, 14.2, 0.21),
    "L1": LevelSize(42.0, 33.8, 23.3, 18.2, 8.8, 72.0, 30.0, 15.0, 20.5, 34.6, 15.2, 0.23),
    "L2": LevelSize(43.5, 34.6, 23.8, 17.8, 9.0, 80.0, 31.0, 14.0, 22.0, 35.8, 12.8, 0.25),
    "L3": LevelSize(45.5, 35.2, 24.3, 17.5, 10.4, 92.0, 32.0, 14.0, 22.5, 36.5, 6.1, 0.27),
    "L4": LevelSize(48.0, 35.5, 25.2, 18.0, 13.0, 88.0, 28.0, 15.0, 20.0, 36.3, -6.6, 0.29),
    "L5": LevelSize(50.5, 35.2, 27.0, 18.5, 17.0, 92.0, 20.0, 20.0, 15.5, 34.0, -23.0, 0.29),
    "L6": LevelSize(51.5, 35.0, 27.0, 18.5, 18.0, 92.0, 19.0, 22.0, 15.0, 33.5, -26.0, 0.29),
    "S1": LevelSize(50.0, 33.0, 29.0, 16.0, 20.0, 110.0, 12.0, 30.0, 14.0, 26.0, -45.0, 0.05),
}
SACRUM_TILT = -40.0
"""Mean lean of the first sacral segment's own axis in degrees."""


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One level of one patient: its mean size, its body height in mm, and how it lies (the frame's scale is its own).

    wedge: degrees by which the body's front is taller than its back. waist, hollow: see shapes.endplate_body.
    """

    name: str
    size: LevelSize
    height: float
    wedge: float
    waist: float
    hollow: float
    frame: Frame

    @property
    def scale(self) -> float:
        """Its size over the mean size of its level."""
        return self.frame.scale

    @property
    def number(self) -> int:
        """The VerSe id."""
        return VERSE_IDS[self.name]


@dataclass(frozen=True, eq=False)
class Spine:
    """The vertebrae of one patient from C1 to S1, top down, in the frame of the scanner (mm)."""

    vertebrae: tuple[Vertebra, ...]
    scale: float

    def __getitem__(self, name: str) -> Vertebra:
        return next(vertebra for vertebra in self.vertebrae if vertebra.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(vertebra.name for vertebra in self.vertebrae)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Body centres (levels, 3)."""
        return np.array([vertebra.frame.origin for vertebra in self.vertebrae])


def rotation(pitch: float = 0.0, roll: float = 0.0, yaw: float = 0.0) -> NDArray[np.float64]:
    """Turn by degrees about the right (pitch: front up), anterior (roll) and superior (yaw) axes, in that order."""
    p, r, y = np.radians([pitch, roll, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _smooth(rng: np.random.Generator, count: int, deviation: float, keep: float = 0.8) -> NDArray[np.float64]:
    """Numbers that wander along the spine with the given deviation."""
    values = np.empty(count)
    values[0] = rng.normal()
    for i in range(1, count):
        values[i] = keep * values[i - 1] + np.sqrt(1 - keep * keep) * rng.normal()
    return values * deviation


def draw_spine(rng: np.random.Generator, turn: NDArray[np.float64] | None = None) -> Spine:
    """A spine drawn at random, the middle of its chain of centres at the origin, turned as a whole by ``turn``."""
    names = [*USUAL_VERTEBRAE, *(["L6"] if rng.random() < 0.03 else []), "S1"]
    sizes = [SIZES[name] for name in names]
    count = len(names)
    scale = float(np.clip(rng.normal(1, 0.075), 0.82, 1.2))
    steps = np.array([size.step for size in sizes]) * scale * (1 + _smooth(rng, count, 0.03, 0.6))
    lean = np.array([size.lean for size in sizes])
    place = np.array([min(i, 24) for i in range(count)], float)
    # Curves stronger and flatter than the mean: one draw per region, faded into each other.
    for centre, width, deviation in ((3.0, 4.0, 7.0), (10.0, 5.0, 5.0), (17.0, 5.0, 5.0), (23.0, 3.0, 6.0)):
        lean = lean + rng.normal(0, deviation) * np.exp(-(((place - centre) / width) ** 2))
    lean = lean - 1.5 + rng.normal(0, 2.5) + _smooth(rng, count, 1.5, 0.3)
    curve = rng.normal(0, 3.5) if rng.random() < 0.9 else rng.normal(0, 12)
    side = curve * np.sin(2 * np.pi * (place / rng.uniform(10, 22) + rng.random())) + rng.normal(0, 1.0)

    centres = np.zeros((count, 3))
    for i in range(count - 1):
        ahead, across = np.radians(lean[i]), np.radians(side[i])
        direction = np.array([np.sin(across), np.cos(across) * np.sin(ahead), -np.cos(across) * np.cos(ahead)])
        centres[i + 1] = centres[i] + steps[i] * direction
    tilt = lean.copy()
    tilt[1:] = (lean[1:] + lean[:-1]) / 2
    tilt[-1] = SACRUM_TILT + (lean[-2] - sizes[-2].lean) + rng.normal(0, 4)
    tilt[-2] = 0.5 * lean[-2] + 0.35 * lean[-3] + 0.15 * tilt[-1]
    roll = side.copy()
    roll[1:] = (side[1:] + side[:-1]) / 2
    solid = steps * (1 - np.array([size.disc for size in sizes]))
    waist, hollow = rng.uniform(0.04, 0.10), rng.uniform(0.6, 1.8)
    breadth = 1 + _smooth(rng, count, 0.04, 0.8)
    turn = np.eye(3) if turn is None else turn
    vertebrae = []
    for i, (name, size) in enumerate(zip(names, sizes, strict=True)):
        height = solid[i] if i == 0 else (solid[i] + solid[i - 1]) / 2
        wedge = 0.35 * (lean[i] - lean[i - 1]) * -1 if 0 < i < count - 1 else 0.0
        if 2 < i < count - 1 and rng.random() < 0.03:  # an old compression fracture
            wedge -= rng.uniform(5, 14)
            height *= rng.uniform(0.75, 0.95)
        axes = turn @ rotation(tilt[i], -roll[i], 0.4 * side[i] + rng.normal(0, 1.0))
        vertebrae.append(
            Vertebra(
                name,
                size,
                float(height),
                float(np.clip(wedge, -16, 16)),
                float(waist * rng.uniform(0.7, 1.3)),
                float(hollow * rng.uniform(0.7, 1.3) * (0.4 + 0.6 * min(1.0, size.width / 40))),
                Frame(axes, turn @ (centres[i] - centres[count // 2]), scale * float(breadth[i])),
            )
        )
    atlas, axis = vertebrae[:2]  # the ring of C1 sits round the dens, whatever the mean step
    seat = axis.frame.out((0.0, -6.0, 16.5))
    tilt_of_atlas = axis.frame.axes @ rotation(rng.normal(4, 4), rng.normal(0, 2), rng.normal(0, 3))
    vertebrae[0] = replace(atlas, frame=Frame(tilt_of_atlas, seat, axis.scale))
    return Spine(tuple(vertebrae), scale)
