"""The spine as numbers: sizes per level, its curve, and the frame of every vertebra of one patient.

Sizes are rounded from published morphometry of dried and cadaver spines: Panjabi et al., Spine 1991;16:861 (cervical)
and 888 (thoracic), Spine 1992;17:299 (lumbar); Berry et al., Spine 1987;12:362; Gilad & Nissan, Spine 1986;11:154.
Spinous and transverse processes are smoothed between levels, and small bodies widened by up to 6 % to the outlines of
VerSe label maps. Steps and inclinations between body centres were measured on 1,947 CT scans of the VID data set
(Buergin et al. 2023, ImFusion, CC BY-SA 4.0); C2-C3 is VerSe's 18.5 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.phantom.anatomical_variation import FacetVariation, SacrumShape
from utility_functions.phantom.pathology import Pathology
from utility_functions.phantom.shapes import Frame
from utility_functions.phantom.variants import Variant


@dataclass(frozen=True)
class LevelSize:
    """Mean size of one level in mm and degrees.

    width, depth: of the body's end plates. canal_width, canal_depth: inner. pedicle_width: side to side.
    span: tip to tip of the transverse processes. spinous: canal to tip; slope: degrees it points below the horizontal.
    spinous_height: of its root. step: to the next body centre below; lean: anterior inclination of the step in degrees.
    disc: height of the disc below as a fraction of the step.
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
    "C2": LevelSize(18.5, 16.4, 24.5, 19.0, 8.0, 54.0, 18.0, 22.0, 13.0, 18.5, -8.5, 0.22),
    "C3": LevelSize(18.0, 16.5, 23.0, 15.5, 5.6, 50.0, 13.0, 28.0, 7.0, 17.8, -13.0, 0.28),
    "C4": LevelSize(18.5, 16.9, 24.0, 15.5, 5.5, 51.0, 13.0, 28.0, 7.0, 17.2, -16.5, 0.28),
    "C5": LevelSize(20.1, 18.0, 24.8, 15.5, 5.7, 53.0, 14.0, 28.0, 7.5, 16.9, -17.0, 0.28),
    "C6": LevelSize(22.7, 18.9, 25.5, 15.6, 6.0, 56.0, 20.0, 26.0, 8.0, 17.9, -20.5, 0.27),
    "C7": LevelSize(24.7, 18.6, 24.5, 15.3, 6.8, 68.0, 29.0, 22.0, 9.0, 20.0, -27.0, 0.24),
    "T1": LevelSize(26.8, 19.1, 21.8, 15.8, 8.5, 76.0, 31.0, 26.0, 10.0, 20.9, -27.0, 0.20),
    "T2": LevelSize(27.3, 20.5, 19.5, 15.6, 7.2, 70.0, 31.0, 33.0, 10.0, 21.1, -25.5, 0.18),
    "T3": LevelSize(27.1, 23.1, 18.4, 15.8, 6.2, 64.0, 31.0, 40.0, 10.0, 21.0, -21.7, 0.17),
    "T4": LevelSize(26.8, 24.4, 17.3, 16.2, 5.6, 61.0, 32.0, 47.0, 9.5, 21.6, -16.7, 0.17),
    "T5": LevelSize(27.3, 25.8, 17.2, 16.4, 5.4, 61.0, 34.0, 53.0, 9.5, 22.1, -10.0, 0.17),
    "T6": LevelSize(28.4, 27.6, 17.3, 16.4, 5.6, 61.0, 36.0, 58.0, 9.5, 22.6, -1.9, 0.17),
    "T7": LevelSize(29.9, 29.0, 17.3, 16.0, 5.9, 60.0, 36.0, 59.0, 10.0, 23.3, 6.0, 0.18),
    "T8": LevelSize(31.5, 30.0, 17.7, 15.9, 6.4, 60.0, 34.0, 56.0, 10.5, 24.0, 11.0, 0.18),
    "T9": LevelSize(33.1, 31.3, 17.9, 15.7, 7.0, 58.0, 30.0, 48.0, 11.5, 25.4, 13.0, 0.18),
    "T10": LevelSize(35.2, 32.3, 18.3, 15.6, 7.7, 54.0, 27.0, 37.0, 13.0, 27.3, 13.3, 0.19),
    "T11": LevelSize(37.6, 32.8, 19.5, 16.0, 9.0, 47.0, 25.0, 26.0, 15.5, 29.6, 13.8, 0.20),
    "T12": LevelSize(41.2, 33.8, 22.0, 17.8, 9.0, 43.0, 26.0, 18.0, 18.5, 32.4, 14.2, 0.21),
    "T13": LevelSize(41.6, 33.8, 22.7, 18.0, 8.9, 52.0, 26.8, 16.5, 19.5, 33.4, 14.7, 0.22),
    "L1": LevelSize(42.0, 33.8, 23.3, 18.2, 8.8, 72.0, 27.5, 15.0, 20.5, 34.6, 15.2, 0.23),
    "L2": LevelSize(43.5, 34.6, 23.8, 17.8, 9.0, 80.0, 28.5, 14.0, 22.0, 35.8, 12.8, 0.25),
    "L3": LevelSize(45.5, 35.2, 24.3, 17.5, 10.4, 92.0, 29.5, 14.0, 22.5, 36.5, 6.1, 0.27),
    "L4": LevelSize(48.0, 35.5, 25.2, 18.0, 13.0, 88.0, 25.5, 15.0, 20.0, 36.3, -6.6, 0.29),
    "L5": LevelSize(50.5, 35.2, 27.0, 18.5, 17.0, 92.0, 17.5, 20.0, 15.5, 34.0, -23.0, 0.29),
    "L6": LevelSize(51.5, 35.0, 27.0, 18.5, 18.0, 92.0, 16.5, 22.0, 15.0, 33.5, -26.0, 0.29),
    "S1": LevelSize(50.0, 33.0, 29.0, 16.0, 20.0, 110.0, 12.0, 30.0, 14.0, 26.0, -45.0, 0.05),
}


def draw_sizes(rng: np.random.Generator, names: Sequence[str]) -> list[LevelSize]:
    """The sizes of one patient's levels: of a woman or a man, with proportions that hold for the whole spine.

    Steps, inclinations and discs stay those of SIZES. Women's bodies are about 8 % narrower and shallower than men's of
    the same height and their processes shorter, their canals only slightly (Gilad & Nissan 1986; Masharawi et al.,
    Spine 2008;33:E590). Proportions of single levels differ less than those of patients.
    """
    sex = 0.04 if rng.random() < 0.5 else -0.04
    spread = {"width": 0.035, "depth": 0.035, "canal_width": 0.05, "canal_depth": 0.06, "pedicle_width": 0.1}
    spread |= {"span": 0.05, "spinous": 0.08, "spinous_height": 0.09, "slope": 0.12}
    by_sex = {"width": 1.0, "depth": 1.0, "canal_width": 0.3, "canal_depth": 0.2, "pedicle_width": 1.2}
    by_sex |= {"span": 1.0, "spinous": 1.0, "spinous_height": 1.0, "slope": 0.0}
    whole = {part: 1 + sex * by_sex[part] + rng.normal(0, deviation) for part, deviation in spread.items()}
    sizes = []
    for name in names:
        single = {part: whole[part] * (1 + rng.normal(0, 0.4 * deviation)) for part, deviation in spread.items()}
        size = SIZES[name]
        sizes.append(replace(size, **{part: getattr(size, part) * max(factor, 0.6) for part, factor in single.items()}))
    return sizes


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One level of one patient: its mean size, its body height in mm, and its frame, with its own scale.

    wedge: degrees by which the body's front is taller than its back. waist, hollow, rim: see shapes.endplate_body.
    facets: of its superior facets.
    """

    name: str
    size: LevelSize
    height: float
    wedge: float
    waist: float
    hollow: float
    rim: tuple[float, float]
    frame: Frame
    facets: FacetVariation = field(default_factory=FacetVariation)

    @property
    def scale(self) -> float:
        """The ratio of its size to the mean size of its level."""
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
    variant: Variant = field(default_factory=Variant)
    pathology: Pathology = field(default_factory=Pathology)
    sacrum: SacrumShape = field(default_factory=SacrumShape)

    def __getitem__(self, name: str) -> Vertebra:
        """The vertebra of that name; T11 where a patient has no T12."""
        if name == "T12" and name not in self.variant.names:
            name = "T11"
        return next(vertebra for vertebra in self.vertebrae if vertebra.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(vertebra.name for vertebra in self.vertebrae)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Body centres (levels, 3)."""
        return np.array([vertebra.frame.origin for vertebra in self.vertebrae])
