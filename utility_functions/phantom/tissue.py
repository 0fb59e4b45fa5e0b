"""The tissues a phantom is made of: their codes in the tissue map, and the HU of one patient's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SOFT_TISSUES = (
    "air", "skin", "fat", "muscle", "lung", "lung vessel", "airway", "bowel", "gas", "liver", "spleen", "kidney",
    "urine", "gland", "heart", "artery", "vein", "gullet", "disc", "fluid", "cord", "brain", "cartilage",
)  # fmt: skip
HARD_TISSUES = ("calcification", "metal", "cement", "couch", "clothing")
BONES = ("vertebra", "sacrum", "rib", "pelvis", "femur", "shoulder", "arm", "sternum", "skull", "jaw")
TISSUES = (*SOFT_TISSUES, *HARD_TISSUES, *(part for bone in BONES for part in (f"{bone} shell", f"{bone} marrow")))
"""All tissues by name; a tissue's code in a tissue map is its place here, air being 0."""
TISSUE_CODES = {name: code for code, name in enumerate(TISSUES)}


@dataclass(frozen=True)
class Tissue:
    """HU of one patient's tissues, and how thick and grainy bone is."""

    fat_hu: float
    muscle_hu: float
    lung_hu: float
    organ_hu: float
    blood_hu: float
    disc_hu: float
    csf_hu: float
    cord_hu: float
    cortex_hu: float
    marrow_hu: float
    cortex_mm: float
    grain_hu: float
    calcified: bool


def draw_tissue(rng: np.random.Generator) -> Tissue:
    """Tissues of a patient drawn at random: dense or porous bone, with or without contrast."""
    density = rng.uniform(0, 1)
    contrast = rng.random() < 0.5
    return Tissue(
        fat_hu=rng.normal(-102, 6),
        muscle_hu=rng.normal(52, 7),
        lung_hu=rng.uniform(-880, -780),
        organ_hu=rng.uniform(85, 125) if contrast else rng.normal(52, 6),
        blood_hu=rng.uniform(120, 330) if contrast else rng.normal(42, 5),
        disc_hu=rng.uniform(65, 105),
        csf_hu=rng.uniform(5, 20),
        cord_hu=rng.uniform(30, 42),
        cortex_hu=450 + 500 * density + rng.normal(0, 60),
        marrow_hu=70 + 190 * density + rng.normal(0, 20),
        cortex_mm=rng.uniform(0.7, 1.3),
        grain_hu=rng.uniform(20, 55),
        calcified=bool(rng.random() < 0.35),
    )
