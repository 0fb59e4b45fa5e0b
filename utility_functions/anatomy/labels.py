"""The vocabulary of spinal structures, their anatomical order, and the codes other projects give them.

Order is anatomical, never numeric: VerSe gives T13 the id 28, yet it lies between T12 and L1.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CERVICAL = tuple(f"C{i}" for i in range(1, 8))
THORACIC = tuple(f"T{i}" for i in range(1, 14))  # T13: a variant
LUMBAR = tuple(f"L{i}" for i in range(1, 7))  # L6: a variant
SACRAL = ("S1", "S2")
VERTEBRAE = CERVICAL + THORACIC + LUMBAR
"""Every free vertebra from the top down, the variants T13 and L6 in their places."""
USUAL_VERTEBRAE = tuple(name for name in VERTEBRAE if name not in ("T13", "L6"))
"""The 24 levels of most people, C1 to L5."""
LEVELS = VERTEBRAE + SACRAL
"""All levels of a chain, from the top down."""
REGIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"Cervical": CERVICAL, "Thoracic": THORACIC, "Lumbar": LUMBAR}
)

_ORDER = {name: place for place, name in enumerate(LEVELS)}


def anatomical_order(name: str) -> int:
    """Place of a level counted from C1 = 0 downwards; sort by it."""
    if name not in _ORDER:
        raise ValueError(f"A level is one of {', '.join(LEVELS)}. Received: {name!r}.")
    return _ORDER[name]


def region_of(name: str) -> str | None:
    """ "Cervical", "Thoracic" or "Lumbar"; None for anything else."""
    return next((region for region, names in REGIONS.items() if name in names), None)


def _numbered(first: int, names: tuple[str, ...]) -> dict[str, int]:
    return {name: first + place for place, name in enumerate(names)}


VERSE_IDS: Mapping[str, int] = MappingProxyType(
    _numbered(1, CERVICAL) | _numbered(8, THORACIC[:12]) | _numbered(20, LUMBAR) | {"S1": 26, "coccyx": 27, "T13": 28}
)
"""VerSe: 1-7 C1-C7, 8-19 T1-T12, 20-25 L1-L6, 26 sacrum (here under its first level's name), 27 coccyx, 28 T13."""

TOTALSEGMENTATOR_IDS: Mapping[str, int] = MappingProxyType(
    {"sacrum": 25, "S1": 26} | {name: 27 + i for i, name in enumerate(reversed(CERVICAL + THORACIC[:12] + LUMBAR[:5]))}
)
"""TotalSegmentator (v2, task "total"): 25 sacrum, 26 S1, 27 L5 up to 50 C1."""

TOTALSEGMENTATOR_V1_IDS: Mapping[str, int] = MappingProxyType(
    {name: 18 + i for i, name in enumerate(reversed(CERVICAL + THORACIC[:12] + LUMBAR[:5]))} | {"sacrum": 92}
)
"""TotalSegmentator (v1): 18 L5 up to 41 C1, 92 sacrum."""

LUMBAR_IDS: Mapping[str, int] = MappingProxyType(_numbered(1, LUMBAR[:5]))
"""1 to 5 for L1 to L5, as networks that count classes without gaps (nnU-Net) are given lumbar spines."""

CSI_LEVELS: Mapping[str, int] = MappingProxyType(_numbered(1, USUAL_VERTEBRAE) | {"S1": 25, "S2": 26})
"""CSI .lml files and the level regressed by the ancestor's identification network: C1 = 1 ... L5 = 24, S1, S2."""

# The ancestor has no class for the variants: L6 counts as L5, and T13 as T12.
_REGRESSED: Mapping[str, int] = MappingProxyType({**CSI_LEVELS, "T13": CSI_LEVELS["T12"], "L6": CSI_LEVELS["L5"]})


def regressed_level(name: str) -> int | None:
    """The number the identification network learns for a level (C1 = 1 ... L5 = 24, S1 = 25, S2 = 26), or None."""
    return _REGRESSED.get(name)


_BY_VERSE_ID = {number: name for name, number in VERSE_IDS.items()}
_BY_CSI_LEVEL = {number: name for name, number in CSI_LEVELS.items()}


def name_of_verse_id(number: int) -> str | None:
    """The name of a VerSe id, or None when the id means nothing in VerSe."""
    return _BY_VERSE_ID.get(int(number))


def name_of_regressed_level(number: int) -> str | None:
    """The name of a regressed level number, or None outside 1..26."""
    return _BY_CSI_LEVEL.get(int(number))


def parse_name(text: str) -> str | None:
    """The name of a level as files write it ("L1_center", "vertebrae_L1", "Th12", "t04", "D5"), or None."""
    word = text.strip().lower().removeprefix("vertebrae_").removeprefix("vertebra_")
    for tail in ("_center", "_centre", "_centroid", "_body", "_vertebra"):
        word = word.removesuffix(tail)
    word = word.strip()
    if word in ("coccyx", "sacrum"):
        return "S1" if word == "sacrum" else "coccyx"
    letters = word.rstrip("0123456789")
    digits = word[len(letters) :]
    region = {"c": "C", "t": "T", "th": "T", "d": "T", "l": "L", "s": "S"}.get(letters.strip(" _-"))
    name = f"{region}{digits.lstrip('0')}"
    return name if name in _ORDER else None
