"""The prior of synthetic appearances: the CT intensities of each tissue, and the tissues that look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# kind: HU, how far kinds differ from patient to patient, most that contrast adds, grain within the tissue
KINDS: dict[str, tuple[float, float, float, float]] = {
    "air": (-1000, 15, 0, 8),
    "lung": (-820, 70, 0, 60),
    "fat": (-100, 20, 0, 12),
    "soft": (48, 18, 25, 14),
    "organ": (55, 18, 90, 12),
    "blood": (45, 12, 380, 12),
    "fluid": (8, 12, 0, 8),
    "nervous": (36, 8, 0, 8),
    "bowel": (20, 50, 500, 50),
    "disc": (85, 28, 0, 14),
    "cartilage": (110, 45, 0, 20),
    "shell": (680, 270, 0, 90),
    "marrow": (170, 120, 0, 50),
    "lesion": (90, 200, 0, 50),
    "sclerosis": (550, 250, 0, 70),
    "chalk": (750, 350, 0, 100),
    "metal": (3000, 500, 0, 100),
    "couch": (-550, 250, 0, 20),
}
MEMBERS: dict[str, tuple[str, ...]] = {
    "air": ("air", "gas", "airway", "bronchus", "disc gas"),
    "lung": ("lung",),
    "fat": ("fat",),
    "soft": ("muscle", "skin", "gullet", "gland", "tongue", "ligament", "thyroid", "thrombus"),
    "organ": ("liver", "spleen", "kidney"),
    "blood": ("artery", "vein", "heart", "chamber", "lung vessel", "kidney pelvis"),
    "fluid": ("fluid", "urine", "effusion", "gallbladder", "csf"),
    "nervous": ("cord", "brain"),
    "bowel": ("bowel", "stomach", "faeces", "oral contrast"),
    "disc": ("disc", "nucleus"),
    "lesion": ("lesion",),
    "sclerosis": ("sclerosis",),
    "cartilage": ("cartilage",),
    "chalk": ("calcification", "stone", "disc chalk"),
    "metal": ("metal", "cement", "lead"),
    "couch": ("couch", "clothing", "blanket"),
}
KIND_NAMES = tuple(KINDS)
DARK = ("air", "lung")
"""Kinds that are the darkest in images of most modalities."""
_KIND_OF = {member: kind for kind, members in MEMBERS.items() for member in members}


@dataclass(frozen=True, eq=False)
class Prior:
    """Numbers per tissue (t,), float32 HU; the kind of each as a place in KIND_NAMES.

    inner: the place of the marrow that a shell encloses, of other tissues their own.
    """

    kind: NDArray[np.int32]
    inner: NDArray[np.int32]
    mean_hu: NDArray[np.float32]
    spread_hu: NDArray[np.float32]
    contrast_hu: NDArray[np.float32]
    grain_hu: NDArray[np.float32]


def kind_of(tissue: str) -> str:
    """The kind of a tissue; shells and marrow of all bones are two kinds, and an unknown tissue is soft."""
    if tissue in _KIND_OF:
        return _KIND_OF[tissue]
    return next((kind for kind in ("shell", "marrow") if tissue.endswith(f" {kind}")), "soft")


def prior_of(tissues: Sequence[str]) -> Prior:
    """The prior of tissues by name."""
    kinds = [kind_of(tissue) for tissue in tissues]
    numbers = np.array([KINDS[kind] for kind in kinds], np.float32)
    places = {tissue: place for place, tissue in enumerate(tissues)}
    inner = [places.get(f"{tissue.removesuffix(' shell')} marrow", place) for tissue, place in places.items()]
    return Prior(np.array([KIND_NAMES.index(kind) for kind in kinds], np.int32), np.array(inner, np.int32), *numbers.T)
