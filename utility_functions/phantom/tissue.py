"""The tissues of a phantom: their codes in the tissue map, and their HU in one patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SOFT_TISSUES = (
    "air", "skin", "fat", "muscle", "lung", "lung vessel", "airway", "bowel", "gas", "liver", "spleen", "kidney",
    "urine", "gland", "heart", "artery", "vein", "gullet", "disc", "fluid", "cord", "brain", "cartilage",
)  # fmt: skip
HARD_TISSUES = ("calcification", "metal", "cement", "couch", "clothing")
BONES = ("vertebra", "sacrum", "rib", "pelvis", "femur", "shoulder", "arm", "sternum", "skull", "jaw")
MORE_TISSUES = (
    "stomach", "faeces", "oral contrast", "chamber", "kidney pelvis", "stone", "effusion", "tongue", "thyroid",
    "lead", "blanket", "ligament", "gallbladder", "bronchus", "thrombus",
    "nucleus", "lesion", "sclerosis",
    "csf", "disc gas", "disc chalk",
)  # fmt: skip
TISSUES = (
    *SOFT_TISSUES,
    *HARD_TISSUES,
    *(part for bone in BONES for part in (f"{bone} shell", f"{bone} marrow")),
    *MORE_TISSUES,
)
"""All tissues by name; the code of a tissue is its position here, with air 0."""
TISSUE_CODES = {name: code for code, name in enumerate(TISSUES)}


@dataclass(frozen=True)
class Tissue:
    """The HU of one patient's tissues, and thickness and grain of bone.

    age: 0 young to 1 old. calcification: of the walls of arteries, 0 to 1. muscle_fat: fatty infiltration of the
    muscles, 0 to 1. oral_hu: of contrast in the bowel, 0 without. unrealistic: whether the HU have a range far
    wider than that of patients, so that networks learn shapes rather than numbers.
    """

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
    skin_hu: float = 20.0
    liver_hu: float = 60.0
    spleen_hu: float = 50.0
    kidney_hu: float = 35.0
    kidney_pelvis_hu: float = 8.0
    gland_hu: float = 40.0
    thyroid_hu: float = 110.0
    vein_hu: float = 40.0
    chamber_hu: float = 40.0
    urine_hu: float = 8.0
    oral_hu: float = 0.0
    brain_hu: float = 34.0
    cartilage_hu: float = 100.0
    age: float = 0.5
    calcification: float = 0.0
    muscle_fat: float = 0.2
    unrealistic: bool = False


PHASES = {
    #            artery      vein        chamber     liver       spleen      kidney      pelvis      urine
    "none": ((32, 50), (32, 50), (32, 50), (45, 68), (40, 55), (28, 40), (-5, 12), (-5, 14)),
    "arterial": ((200, 480), (50, 140), (180, 420), (55, 85), (80, 150), (110, 210), (0, 15), (-5, 14)),
    "venous": ((115, 210), (110, 200), (110, 190), (85, 130), (95, 145), (140, 230), (0, 60), (-5, 20)),
    "late": ((75, 130), (75, 125), (70, 120), (75, 110), (70, 110), (100, 160), (200, 900), (30, 700)),
}
"""The range of HU of enhancing tissues, by phase."""
PHASE_PROBABILITIES = {"none": 0.45, "arterial": 0.15, "venous": 0.32, "late": 0.08}
WIDE = {
    "fat": (-300, 40), "muscle": (-40, 260), "lung": (-980, -300), "disc": (-40, 320), "csf": (-100, 200),
    "cord": (-60, 250), "organ": (-60, 320), "blood": (-60, 600),
}  # fmt: skip
"""The range of HU of tissues with an unrealistic appearance."""


def draw_tissue(rng: np.random.Generator, age: float | None = None) -> Tissue:
    """Random tissues of a patient: bone of any density, any phase of contrast; one in seven is unrealistic.

    age: 0 young to 1 old; None: random.
    """
    drawn_age = float(rng.uniform(0, 1))
    age = drawn_age if age is None else age
    phase = str(rng.choice(list(PHASES), p=list(PHASE_PROBABILITIES.values())))
    artery, vein, chamber, liver, spleen, kidney, pelvis, urine = (float(rng.uniform(*span)) for span in PHASES[phase])
    liver -= float(rng.uniform(20, 70)) * float(rng.random() < 0.18)  # fatty
    marrow = float(np.clip(rng.normal(230 - 140 * age, 45), 30, 300))
    cortex = float(rng.uniform(250, 1200)) if rng.random() < 0.5 else float(np.clip(rng.normal(700, 150), 300, 1200))
    cortex = max(cortex, marrow + float(rng.uniform(80, 250)))
    calcification = float(np.clip(rng.normal(1.5 * age - 0.55, 0.3), 0, 1))
    oral = float(rng.uniform(120, 900)) if rng.random() < 0.22 else 0.0
    fat, muscle, lung = float(rng.uniform(-120, -80)), float(rng.uniform(25, 70)), float(rng.uniform(-900, -720))
    disc, csf, cord = float(rng.uniform(50, 120)), float(rng.uniform(0, 25)), float(rng.uniform(28, 48))
    muscle_fat = float(np.clip(rng.normal(0.1 + 0.6 * age, 0.22), 0, 1))
    unrealistic = bool(rng.random() < 0.15)
    odd = {name: float(rng.uniform(*span)) for name, span in WIDE.items()}
    odd_organs = rng.uniform(*WIDE["organ"], 8)
    odd_marrow = float(rng.uniform(-50, 600))
    odd_cortex = odd_marrow + float(rng.uniform(60, 1200))
    cortex_mm, grain = float(rng.uniform(0.4, 1.6)), float(rng.uniform(12, 60))
    gland, thyroid, brain = float(rng.uniform(25, 55)), float(rng.uniform(70, 150)), float(rng.uniform(28, 42))
    if phase != "none":
        gland, thyroid = gland + float(rng.uniform(30, 70)), thyroid + float(rng.uniform(20, 100))
    cartilage = float(rng.uniform(70, 160) + 250 * age * rng.random())
    if unrealistic:
        fat, muscle, lung, disc, csf, cord = (odd[name] for name in ("fat", "muscle", "lung", "disc", "csf", "cord"))
        marrow, cortex = odd_marrow, odd_cortex
        liver, spleen, kidney, gland, thyroid, brain, urine, pelvis = (float(v) for v in odd_organs)
        artery, vein, chamber = odd["blood"], 0.6 * odd["blood"] + 0.4 * odd["organ"], 0.9 * odd["blood"]
    return Tissue(
        fat_hu=fat, muscle_hu=muscle, lung_hu=lung, organ_hu=(liver + spleen) / 2, blood_hu=artery, disc_hu=disc,
        csf_hu=csf, cord_hu=cord, cortex_hu=cortex, marrow_hu=marrow, cortex_mm=cortex_mm, grain_hu=grain,
        calcified=calcification > 0.05, skin_hu=muscle - 30, liver_hu=liver, spleen_hu=spleen, kidney_hu=kidney,
        kidney_pelvis_hu=pelvis, gland_hu=gland, thyroid_hu=thyroid, vein_hu=vein, chamber_hu=chamber, urine_hu=urine,
        oral_hu=oral, brain_hu=brain, cartilage_hu=cartilage, age=age, calcification=calcification,
        muscle_fat=muscle_fat, unrealistic=unrealistic,
    )  # fmt: skip
