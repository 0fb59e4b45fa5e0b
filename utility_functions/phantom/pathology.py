"""The pathology of a patient, sampled before painting: disc degeneration, fractures, tumours, operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Disc:
    """The disc below a level.

    loss: lost fraction of its height. nucleus_hu: of its core over the rest. gas, calcified: fractions of its area.
    sclerosis: HU added to the end plates beside it. nodes: Schmorl's nodes as (right, forward) in fractions of the half
    width and depth, depth in mm, and whether into the level above (1) or below (-1). fused: ossified.
    """

    loss: float = 0.0
    nucleus_hu: float = -12.0
    gas: float = 0.0
    calcified: float = 0.0
    sclerosis: float = 0.0
    nodes: tuple[tuple[float, float, float, int], ...] = ()
    fused: bool = False


@dataclass(frozen=True)
class Fracture:
    """A compression fracture; kind: "wedge", "biconcave" or "crush"; loss: the largest lost fraction of height."""

    kind: str
    loss: float


@dataclass(frozen=True)
class Lesion:
    """A change in the bone of one level: "lytic", "blastic", "haemangioma", "ivory" or "pagetic".

    place: in fractions of half the body's width, depth and height; pedicles and arch have depths below -1.
    radius: in mm. hu: its own, or None.
    """

    level: str
    kind: str
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius: float = 8.0
    hu: float = 40.0


@dataclass(frozen=True)
class Implant:
    """Metal or cement: "screws" with rods, "plate" in front of the neck, "cage" in the disc below, "cement"."""

    kind: str
    levels: tuple[str, ...]
    hu: float
    seed: int


@dataclass(frozen=True)
class Pathology:
    """The pathology of one patient; mappings by level have abnormal levels alone.

    age: 0 young to 1 old. porosity: 0 to 1, marrow lost to osteoporosis. density_hu: added to all marrow by diffuse
    sclerosis. spurs: size in mm of osteophytes at the disc below. bridges: strength of bony bridges across the disc
    below; thin_bridges: they are circumferential, as in ankylosing spondylitis. facets: hypertrophy of facets in mm.
    seed: of small details, which are the same on every canvas.
    """

    age: float = 0.4
    porosity: float = 0.0
    density_hu: float = 0.0
    discs: Mapping[str, Disc] = field(default_factory=dict)
    fractures: Mapping[str, Fracture] = field(default_factory=dict)
    spurs: Mapping[str, float] = field(default_factory=dict)
    bridges: Mapping[str, float] = field(default_factory=dict)
    thin_bridges: bool = False
    facets: Mapping[str, float] = field(default_factory=dict)
    lesions: tuple[Lesion, ...] = ()
    open_arches: tuple[str, ...] = ()
    implants: tuple[Implant, ...] = ()
    seed: int = 0

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings that a radiologist would report, without common disc degeneration."""
        held = {
            "osteoporosis": self.porosity > 0,
            "sclerosis": self.density_hu > 0,
            "fracture": bool(self.fractures),
            "bridges": bool(self.bridges),
            "block": any(disc.fused for disc in self.discs.values()),
            "facets": bool(self.facets),
            "lesions": bool(self.lesions),
            "laminectomy": bool(self.open_arches),
            "implants": bool(self.implants),
        }
        return tuple(name for name, there in held.items() if there)

    def disc(self, name: str) -> Disc:
        """The disc below a level."""
        return self.discs.get(name, _SOUND)

    def details(self, *keys: int) -> np.random.Generator:
        """A generator for the small details of one thing, the same on every canvas."""
        return np.random.default_rng([self.seed, *keys])


_SOUND = Disc()
WEARING = {"C4": 0.4, "C5": 0.6, "C6": 0.55, "L1": 0.25, "L2": 0.35, "L3": 0.45, "L4": 0.65, "L5": 0.7, "L6": 0.7}
"""The probability of disc degeneration in the oldest patients; 0.15 elsewhere."""


def draw_pathology(rng: np.random.Generator, names: Sequence[str], thin_last_disc: bool = False) -> Pathology:
    """A random pathology of a patient with these levels (C1 to S1); ``thin_last_disc``: above a transitional sacrum."""
    age = float(rng.beta(1.5, 1.1))
    porosity = float(rng.uniform(0.25, 1)) if rng.random() < 0.02 + 0.22 * age**2 else 0.0
    density = float(rng.uniform(100, 400)) if rng.random() < 0.008 else 0.0
    discs = _draw_discs(rng, names, age, thin_last_disc)
    fractures = _draw_fractures(rng, names, porosity)
    bridges, thin = _draw_bridges(rng, names, age)
    spurs = {
        name: float(rng.uniform(2, 8))
        for name in names[1:-1]
        if rng.random() < 0.25 * age**2 + (0.65 if discs[name].loss > 0.3 else 0)
    }
    swollen = rng.random() < 0.14 * age
    facets = {
        name: float(rng.uniform(1, 4)) for name in names[2:-1] if rng.random() < (0.5 if name[0] in "CL" else 0.1)
    }
    lesions = _draw_lesions(rng, names)
    implants, opened = _draw_operations(rng, names, tuple(fractures))
    return Pathology(
        age,
        porosity,
        density,
        discs,
        fractures,
        spurs,
        bridges,
        thin,
        facets if swollen else {},
        lesions,
        opened,
        implants,
        int(rng.integers(2**31)),
    )


def _draw_discs(rng: np.random.Generator, names: Sequence[str], age: float, thin_last: bool) -> dict[str, Disc]:
    discs = {}
    severe = rng.random() < 0.06 + 0.4 * age**2  # severe degeneration of most lumbar or cervical discs
    part, narrow = ("C" if rng.random() < 0.3 else "L"), rng.uniform(0.45, 0.65)
    for name in names[1:-1]:
        chance, least = WEARING.get(name, 0.15) if name != names[-2] else 0.5, 0.12
        if severe and (name[0] == part or name in ("T11", "T12", "T13")):
            chance, least = 0.8 / max(age, 0.4), narrow - 0.15
        degenerated = rng.random() < chance * age
        loss, gas, plates = rng.uniform(least, max(0.75, least + 0.2)), rng.random(), rng.random()
        chalky, area = rng.random() < 0.03 * age, rng.uniform(0.2, 0.8, 2)
        nodes = tuple(
            (float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.5, 0.4)), float(rng.uniform(2.5, 7)), int(way))
            for way in rng.choice([-1, 1], int(rng.random() < 0.05) * int(rng.integers(1, 3)))
        )
        discs[name] = Disc(
            loss=float(loss) if degenerated else 0.0,
            nucleus_hu=float(rng.normal(-12, 8)) * (0.3 if degenerated else 1.0),
            gas=float(area[0]) if degenerated and gas < 0.1 + 0.5 * loss else 0.0,
            calcified=float(area[1]) if chalky else 0.0,
            sclerosis=float(rng.uniform(80, 420)) if degenerated and plates < 0.8 * loss else 0.0,
            nodes=nodes,
        )
    block = rng.random() < 0.018
    at, long = int(rng.choice([2, 5, 6, *range(1, len(names) - 2)])), 1 + int(rng.random() < 0.15)
    if block:
        for name in names[at : min(at + long, len(names) - 2)]:
            discs[name] = Disc(loss=float(rng.uniform(0.5, 0.9)), fused=True)
    if thin_last:
        discs[names[-2]] = Disc(loss=float(rng.uniform(0.35, 0.75)))
    return discs


def _draw_fractures(rng: np.random.Generator, names: Sequence[str], porosity: float) -> dict[str, Fracture]:
    """Compression fractures, mostly at the thoracolumbar junction and in the middle of the thoracic spine."""
    count = int(rng.random() < 0.04 + 0.5 * porosity) * int(1 + rng.geometric(0.6) * (porosity > 0.3))
    place = np.arange(len(names))
    weight = 0.08 + np.exp(-(((place - 19) / 2.2) ** 2)) + 0.6 * np.exp(-(((place - 13.5) / 1.8) ** 2))
    weight[:7] = 0.005
    weight[[0, 1, -1]] = 0
    chosen = rng.choice(place, min(count, 6), replace=False, p=weight / weight.sum())
    return {
        names[at]: Fracture(
            str(rng.choice(["wedge", "biconcave", "crush"], p=[0.5, 0.3, 0.2])),
            float(0.12 + 0.48 * rng.random() ** 1.4),
        )
        for at in np.sort(chosen)
    }


def _draw_bridges(rng: np.random.Generator, names: Sequence[str], age: float) -> tuple[dict[str, float], bool]:
    kind, first, long = rng.random(), int(rng.integers(5, 15)), int(rng.integers(3, 9))
    strength = rng.uniform(0.6, 1.4, len(names))
    if kind > 0.07 * age + 0.012:
        return {}, False
    thin = bool(kind < 0.012)
    span = names[first : len(names) - 2] if thin else names[first : min(first + long, len(names) - 2)]
    return {name: float(strength[i]) for i, name in enumerate(span)}, thin


def _draw_lesions(rng: np.random.Generator, names: Sequence[str]) -> tuple[Lesion, ...]:
    free = list(names[1:-1])
    spread = rng.random()
    kinds = ["lytic"] if spread < 0.022 else ["blastic"] if spread < 0.042 else ["lytic", "blastic"]
    lesions = []
    for _ in range(int(rng.integers(1, 10)) if spread < 0.05 else 0):
        kind = str(rng.choice(kinds))
        place = (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-1.5, 0.9)), float(rng.uniform(-0.6, 0.6)))
        hu = float(rng.normal(45, 15) if kind == "lytic" else rng.uniform(450, 1100))
        lesions.append(Lesion(str(rng.choice(free)), kind, place, float(rng.uniform(3, 13)), hu))
    single, level = rng.random(), str(rng.choice(free[4:]))
    place = (float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.3, 0.3)))
    radius = float(rng.uniform(6, 20))
    if single < 0.055:
        lesions.append(Lesion(level, "haemangioma", place, radius, float(rng.uniform(-40, 40))))
    elif single < 0.059:
        lesions.append(Lesion(level, "ivory", hu=float(rng.uniform(500, 900))))
    elif single < 0.07:
        lesions.append(Lesion(level, "pagetic"))
    return tuple(lesions)


def _draw_operations(
    rng: np.random.Generator, names: Sequence[str], broken: tuple[str, ...]
) -> tuple[tuple[Implant, ...], tuple[str, ...]]:
    """Implants, and the levels with a laminectomy."""
    kind, seed, long = rng.random(), int(rng.integers(2**31)), int(rng.integers(2, 6))
    bottom = len(names) - 1 - int(rng.choice([0, 1, 2, 3, 6, 8, 10], p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]))
    fixed = tuple(names[max(bottom - long + 1, 7) : bottom + 1])
    neck_top, neck_long = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    neck = tuple(names[neck_top : neck_top + neck_long])
    cages, cut, hu = rng.random() < 0.55, rng.random(), float(rng.uniform(3000, 9000))
    cement_hu, filled = float(rng.uniform(1000, 2400)), rng.random()
    implants: list[Implant] = []
    if kind < 0.03:
        implants.append(Implant("screws", fixed, hu, seed))
        if cages:
            implants.append(Implant("cage", fixed[-2:-1], float(rng.choice([250.0, 3000.0])), seed + 1))
    elif kind < 0.04:
        implants += [Implant("plate", neck, hu, seed), Implant("cage", neck[:-1], 1200.0, seed + 1)]
    if (broken and filled < 0.12) or filled < 0.008:
        implants.append(Implant("cement", broken[:3] or (str(rng.choice(names[10:-1])),), cement_hu, seed + 2))
    opened = fixed[:-1] if cut < (0.4 if kind < 0.03 else 0.012) else ()
    return tuple(implants), opened
