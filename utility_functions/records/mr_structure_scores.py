"""Scores of vertebrae, discs and canal of MR, per class and per single structure."""

from __future__ import annotations

from dataclasses import dataclass

from utility_functions.anatomy.structures import SPIDER_CANAL, SPIDER_DISCS
from utility_functions.records.mask_scores import MaskScore


@dataclass(frozen=True)
class InstanceScore:
    """One true vertebra, disc or canal.

    label: its number in SPIDER's code, without the 100 added for truncated ones. match: the number of the prediction of
    the same class that lies on it; None where it is missed. mask: the scores of that pair.
    """

    structure: str
    label: int
    match: int | None
    mask: MaskScore

    @property
    def found(self) -> bool:
        return self.match is not None

    @property
    def number_right(self) -> bool | None:
        """Whether it bears the same number as in the truth; None where it is missed."""
        return self.match == self.label if self.found else None


@dataclass(frozen=True)
class StructureScore:
    """One scan against its ground truth: whole classes by name, single structures, and numbers that lie on none."""

    case_id: str
    classes: dict[str, MaskScore]
    instances: tuple[InstanceScore, ...] = ()
    false: tuple[int, ...] = ()

    def of(self, structure: str) -> tuple[InstanceScore, ...]:
        """The single structures of one class."""
        return tuple(each for each in self.instances if each.structure == structure)


def structure_of_number(number: int) -> str:
    """The class of a number in SPIDER's code."""
    if number == SPIDER_CANAL:
        return "canal"
    return "disc" if number > SPIDER_DISCS else "vertebra"
