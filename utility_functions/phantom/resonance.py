"""MR signals: relaxation times of tissues, and their signal in spin echoes, inversion recovery and gradient echoes.

Relaxation times at 1.5 and 3 T are rounded from Stanisz et al. 2005, Magn Reson Med 54:507 (muscle, cord, blood, liver,
kidney, cartilage, brain) and de Bazelaire et al. 2004, Radiology 230:652 (fat, marrow, spleen, pancreas); fluid has
those of free water at 37 degrees, discs lie between hydrated and dehydrated ones as graded by Pfirrmann et al. 2001,
Spine 26:1873. Cortical bone, ligaments and gas have hardly any signal at the echo times of clinical sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.shapes import Field
from utility_functions.phantom.tissue import TISSUES

KINDS = ("mr-t1", "mr-t2", "mr-stir", "mr-gre")
"""Contrasts of a phantom in MR: spin echoes; fat suppressed by inversion or saturation; gradient echoes."""

WATER: dict[str, tuple[float, float, float, float, float]] = {
    # protons (fraction of free water), T1 at 1.5 T, T1 at 3 T, T2 (all ms), grain (relative standard deviation)
    "void": (0.03, 1000, 1200, 5, 0.0),
    "hard": (0.10, 700, 900, 2, 0.0),
    "muscle": (0.80, 950, 1150, 38, 0.08),
    "marrow": (0.70, 850, 1000, 45, 0.12),
    "organ": (0.75, 600, 810, 46, 0.05),
    "spleen": (0.80, 1060, 1330, 75, 0.04),
    "kidney": (0.82, 960, 1150, 85, 0.05),
    "gland": (0.78, 700, 850, 60, 0.10),
    "blood": (0.85, 1440, 1930, 270, 0.05),
    "fluid": (1.00, 3500, 4000, 1500, 0.02),
    "nervous": (0.75, 800, 1020, 78, 0.03),
    "nucleus": (0.88, 1050, 1250, 135, 0.05),
    "annulus": (0.62, 950, 1150, 34, 0.10),
    "ligament": (0.30, 800, 1000, 9, 0.0),
    "cartilage": (0.70, 1020, 1170, 34, 0.05),
    "tumour": (0.85, 1100, 1350, 80, 0.12),
    "mixed": (0.80, 700, 900, 70, 0.30),
    "lung": (0.10, 1200, 1300, 20, 0.30),
}
FAT = (0.92, 343.0, 382.0, 62.0)
"""Protons, T1 at 1.5 and at 3 T and T2 of fat."""
TURBO = 2.1
"""Trains of refocusing pulses make the T2 of fat appear longer (Henkelman et al. 1994, J Magn Reson Imaging 4:533)."""
_OF_TISSUE: dict[str, tuple[str, float]] = {  # kind of its water, fraction of fat; others are muscle
    "air": ("void", 0), "gas": ("void", 0), "airway": ("void", 0), "bronchus": ("void", 0), "disc gas": ("void", 0),
    "lung": ("lung", 0), "lung vessel": ("lung", 0), "skin": ("annulus", 0.2), "fat": ("muscle", 0.96),
    "muscle": ("muscle", 0.04), "bowel": ("muscle", 0), "stomach": ("mixed", 0), "faeces": ("mixed", 0.2),
    "oral contrast": ("mixed", 0), "liver": ("organ", 0.05), "spleen": ("spleen", 0), "kidney": ("kidney", 0),
    "urine": ("fluid", 0), "kidney pelvis": ("fluid", 0), "gallbladder": ("fluid", 0), "effusion": ("fluid", 0),
    "fluid": ("fluid", 0), "csf": ("fluid", 0), "gland": ("gland", 0.1), "thyroid": ("gland", 0),
    "tongue": ("muscle", 0.15), "heart": ("muscle", 0), "chamber": ("blood", 0), "artery": ("blood", 0),
    "vein": ("blood", 0), "thrombus": ("tumour", 0), "cord": ("nervous", 0), "brain": ("nervous", 0),
    "disc": ("annulus", 0), "nucleus": ("nucleus", 0), "cartilage": ("cartilage", 0), "ligament": ("ligament", 0),
    "lesion": ("tumour", 0), "sclerosis": ("hard", 0), "calcification": ("hard", 0), "stone": ("hard", 0),
    "disc chalk": ("hard", 0), "metal": ("void", 0), "cement": ("void", 0), "lead": ("void", 0), "couch": ("void", 0),
    "clothing": ("void", 0), "blanket": ("void", 0),
}  # fmt: skip
DRY = {"nucleus": (0.6, 900.0, 1100.0, 42.0), "csf": (0.75, 900.0, 1100.0, 90.0)}
"""Protons and times of a dehydrated nucleus, and of a thecal sac filled with roots."""
TIMES = {
    "mr-t1": ((400, 750), (8, 15)),
    "mr-t2": ((2600, 6000), (70, 125)),
    "mr-stir": ((2800, 6000), (30, 75)),
    "mr-gre": ((150, 700), (4, 22)),
}
"""Ranges of repetition and echo times in ms, by contrast."""
INHOMOGENEITY = {"marrow": 16.0, "lung": 2.0, "organ": 40.0}
"""T2' in ms where trabeculae, air or iron disturb the field; elsewhere 90."""
FLOWING = ("artery", "vein", "chamber")
"""Blood that leaves the slice between pulse and echo gives little signal."""


@dataclass(frozen=True)
class PulseSequence:
    """A sequence: field in T, repetition and echo time in ms, and the chemical shift of fat in mm.

    forward: whether fat is shifted along the front-back axis, rather than upwards. inversion_ms: time from an inversion
    to the excitation; None: no inversion. flip_degrees: of a gradient echo; None: a spin echo. fat_left: the fraction
    of fat that saturation leaves. opposed: whether fat and water are out of phase in the echo.
    """

    field_t: float
    tr_ms: float
    te_ms: float
    fat_shift_mm: float
    forward: bool
    inversion_ms: float | None = None
    flip_degrees: float | None = None
    fat_left: float = 1.0
    opposed: bool = False

    def signal(self, protons: float, t1_ms: float, t2_ms: float, inhomogeneity_ms: float = np.inf) -> float:
        """The signal of protons with these times (Hahn 1950; Ernst and Anderson 1966 for gradient echoes).

        inhomogeneity_ms: T2', by which 1 / T2* = 1 / T2 + 1 / T2' in gradient echoes.
        """
        recovered = 1 - np.exp(-self.tr_ms / t1_ms)
        if self.inversion_ms is not None:
            recovered = abs(1 - 2 * np.exp(-self.inversion_ms / t1_ms) + np.exp(-self.tr_ms / t1_ms))
        rate = 1 / t2_ms
        if self.flip_degrees is not None:
            angle = np.radians(self.flip_degrees)
            recovered = np.sin(angle) * recovered / (1 - np.cos(angle) * np.exp(-self.tr_ms / t1_ms))
            rate += 1 / inhomogeneity_ms
        return float(protons * recovered * np.exp(-self.te_ms * rate))


def draw_sequence(rng: np.random.Generator, kind: str) -> PulseSequence:
    """A random sequence of one of KINDS, as used for spines."""
    if kind not in KINDS:
        raise ValueError(f"An MR contrast is one of {', '.join(KINDS)}. Received: {kind!r}.")
    chances, shift = rng.random(2), float(rng.uniform(0.3, 1.8) * rng.choice([-1, 1]))
    tr, te = TIMES[kind]
    times = float(rng.uniform(*tr)), float(rng.uniform(*te))
    plain = PulseSequence(1.5 if chances[0] < 0.65 else 3.0, *times, shift, bool(chances[1] < 0.5))
    if kind == "mr-stir":
        if rng.random() < 0.3:  # T2 with saturated fat
            return replace(plain, te_ms=times[1] + 40, fat_left=float(rng.uniform(0.04, 0.25)))
        t1_fat = FAT[2 if plain.field_t > 2 else 1]
        null = t1_fat * np.log(2 / (1 + np.exp(-times[0] / t1_fat)))
        return replace(plain, inversion_ms=float(null * rng.uniform(0.82, 1.08)))
    if kind == "mr-gre":
        opposed = bool(rng.random() < 0.25)
        return replace(plain, flip_degrees=float(rng.uniform(10, 40)), opposed=opposed)
    return plain


@dataclass(frozen=True, eq=False)
class Signals:
    """For each tissue of TISSUES (t,): the signals of its water, its fat and its dehydrated water, and its grain."""

    water: Field
    fat: Field
    dry: Field
    grain: Field


def draw_signals(sequence: PulseSequence, age: float, rng: np.random.Generator) -> Signals:
    """The signals of one patient in a sequence; the fat of marrow increases with ``age`` (0 young to 1 old)."""
    at_3t = sequence.field_t > 2
    kinds = {
        name: (_spread(rng, protons, 0.04), _spread(rng, (t1, t1_3t)[at_3t], 0.07), _spread(rng, t2, 0.08), grain)
        for name, (protons, t1, t1_3t, t2, grain) in WATER.items()
    }
    protons, t1, t1_3t, t2 = FAT
    t1_fat, t2_fat = _spread(rng, (t1, t1_3t)[at_3t], 0.05), _spread(rng, TURBO * t2, 0.22)
    fat = sequence.fat_left * sequence.signal(protons, t1_fat, t2_fat, 60.0)
    yellow = sequence.fat_left * sequence.signal(protons, t1_fat, t2_fat, INHOMOGENEITY["marrow"])
    marrow_fat = float(np.clip(rng.normal(0.3 + 0.35 * age, 0.12), 0.1, 0.88))
    density = float(rng.uniform(0.62, 0.98))
    rough = float(rng.uniform(0.5, 2.2))
    muscle_fat, streaks = float(rng.uniform(0.02, 0.22)), float(rng.uniform(0.05, 0.4))
    flow = float(rng.uniform(0.02, 0.25)), float(rng.uniform(0.05, 0.7))
    if sequence.flip_degrees is not None:  # fresh blood flows in
        flow = float(rng.uniform(0.4, 1.8)), float(rng.uniform(0.3, 1.5))
    table = np.zeros((4, len(TISSUES)), np.float32)
    for place, tissue in enumerate(TISSUES):
        kind, lipid, held = *_OF_TISSUE.get(tissue, ("muscle", 0.0)), 1.0
        if tissue.endswith(" shell"):
            kind = "hard"
        elif tissue.endswith(" marrow"):
            kind, lipid, held = "marrow", marrow_fat, density
        elif tissue == "muscle":
            lipid = muscle_fat
        elif tissue in FLOWING:
            held = flow[tissue == "vein"]
        water, t1_water, t2_water, grain = kinds[kind]
        uneven = INHOMOGENEITY.get(kind, 90.0)
        wet = held * (1 - lipid) * sequence.signal(water, t1_water, t2_water, uneven)
        dry = wet
        if tissue in DRY:
            protons, t1, t1_3t, t2 = DRY[tissue]
            dry = sequence.signal(protons, (t1, t1_3t)[at_3t], t2)
        table[:, place] = wet, held * lipid * (yellow if kind == "marrow" else fat), dry, min(rough * grain, 0.45)
        if tissue == "muscle":
            table[3, place] = streaks
    return Signals(*table)


def _spread(rng: np.random.Generator, mean: float, deviation: float) -> float:
    return float(mean * np.exp(np.clip(rng.normal(0, deviation), -2 * deviation, 2 * deviation)))


def tissue_signal(signals: Signals, codes: NDArray[np.uint8]) -> tuple[Field, Field]:
    """Water and fat of a map of tissues."""
    return signals.water[codes], signals.fat[codes]
