"""How the facet joints and the sacrum of one patient differ from the mean of published sizes.

Ranges are wide rather than exact: facets of one level differ by tropism (Boden et al., J Bone Joint Surg Am
1996;78:403) and grow with wear, the sacrum by curvature, by closed or open arches (spina bifida occulta of S1 in about
one person of eight, Eubanks & Cheruvu, Spine 2009;34:1539), and by how high its alae stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pair = tuple[float, float]


@dataclass(frozen=True)
class FacetVariation:
    """Differences of the superior facets of one vertebra from the mean of its level, left and right.

    outward, upward: degrees added to the inclination. apart: ratio of the distance from the midline. broad: ratio of
    the size across and along. thick: ratio of the thickness of the bone under the facets.
    """

    outward: Pair = (0.0, 0.0)
    upward: Pair = (0.0, 0.0)
    apart: float = 1.0
    broad: Pair = (1.0, 1.0)
    thick: Pair = (1.0, 1.0)


@dataclass(frozen=True)
class SacrumShape:
    """Differences of a sacrum from the mean one.

    bend: ratio of its curvature. height: ratio of the heights of its segments. taper: ratio of the width of each
    segment to that of the one above. reach: ratio of half its width. crest: ratio of the size of its crests.
    open_arches: its segments without a posterior wall at the midline, 0 for S1. alae: mm by which the alae stand
    higher. marrow: ratio of the HU of its marrow to that of the vertebrae.
    """

    bend: float = 1.0
    height: float = 1.0
    taper: float = 1.0
    reach: float = 1.0
    crest: float = 1.0
    open_arches: tuple[int, ...] = ()
    alae: float = 0.0
    marrow: float = 0.75


def draw_facets(rng: np.random.Generator, count: int, age: float) -> list[FacetVariation]:
    """Variations of ``count`` vertebrae from C1 down; facets of old patients (``age`` 0 to 1) are thick and broad."""
    common, apart = rng.normal(0, 4.0), rng.normal(1, 0.04)
    variations = []
    for place in range(count):
        worn = age * rng.uniform(0, 0.35, 2) * (1.0 if place > 10 else 0.4)
        outward, upward = common + rng.normal(0, 5.0, 2), rng.normal(0, 3.0, 2)
        broad = np.clip(rng.normal(1, 0.07, 2) + 0.7 * worn, 0.8, 1.4)
        thick = np.clip(rng.normal(1, 0.08, 2) + worn, 0.8, 1.5)
        variations.append(
            FacetVariation(
                _pair(np.clip(outward, -14, 14)),
                _pair(np.clip(upward, -8, 8)),
                float(np.clip(apart + rng.normal(0, 0.03), 0.88, 1.14)),
                _pair(broad),
                _pair(thick),
            )
        )
    return variations


def draw_sacrum(rng: np.random.Generator) -> SacrumShape:
    """A random sacrum."""
    opened = rng.random()
    return SacrumShape(
        bend=float(rng.uniform(0.45, 1.5)),
        height=float(np.clip(rng.normal(1, 0.06), 0.85, 1.15)),
        taper=float(np.clip(rng.normal(1, 0.04), 0.9, 1.08)),
        reach=float(np.clip(rng.normal(1, 0.05), 0.88, 1.12)),
        crest=float(rng.uniform(0.6, 1.35)),
        open_arches=(0, 1) if opened < 0.03 else (0,) if opened < 0.14 else (),
        alae=float(np.clip(rng.normal(0, 3.0), -5, 6)),
        marrow=float(rng.uniform(0.35, 1.05)),
    )


def _pair(values: np.ndarray) -> Pair:
    left, right = (float(value) for value in values)
    return left, right
