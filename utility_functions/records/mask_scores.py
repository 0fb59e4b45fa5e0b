"""Scores of masks against ground truth, per vertebra and per scan.

Whatever is undefined (a distance without two surfaces, a mean of nothing) is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MaskScore:
    """Two masks against each other: Dice and IoU in 0..1, distances of their surfaces in mm.

    Of two empty masks nothing is defined. Where one alone is empty Dice and IoU are 0 and distances undefined.
    """

    dice: float | None
    iou: float | None
    hd_mm: float | None = None
    hd95_mm: float | None = None
    assd_mm: float | None = None


MISSED = MaskScore(0.0, 0.0)
"""A true vertebra that nothing was found of."""


@dataclass(frozen=True)
class VertebraScore:
    """One true vertebra.

    label: its number in the truth. name: its level, "" where the truth's code has no levels.
    complete: whether the scan shows all of it. predicted_complete: what was predicted; None where nothing was.
    match: name of the prediction that lies on it, whatever the level; None where it is missed.
    mask: the scores of that pair.
    named: the scores against the prediction of its own level, as VerSe does; None where the truth has no levels.
    parts: the predictions that each hold a part of it, where there are several: it is split between them.
    """

    label: int
    name: str
    complete: bool
    match: str | None
    mask: MaskScore
    named: MaskScore | None = None
    predicted_complete: bool | None = None
    parts: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return self.match is not None

    @property
    def name_right(self) -> bool | None:
        """Whether the prediction has its name; None where it is missed, or the truth has no levels."""
        return self.match == self.name if self.found and self.name else None

    @property
    def completeness_right(self) -> bool | None:
        """Whether its completeness was predicted correctly; None where nothing was predicted."""
        return None if self.predicted_complete is None else self.predicted_complete == self.complete


@dataclass(frozen=True)
class SegmentationScore:
    """The masks of one scan against its ground truth.

    vertebrae: the true ones, from the top down.
    false: predictions that lie on no true vertebra, within the labelled part of the scan.
    beyond: predictions outside the labelled part of the scan, which are not judged.
    merged: predictions that hold parts of several true vertebrae.
    """

    case_id: str
    vertebrae: tuple[VertebraScore, ...]
    false: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """True vertebrae that no prediction lies on."""
        return tuple(display_name(vertebra) for vertebra in self.vertebrae if not vertebra.found)

    @property
    def split(self) -> tuple[str, ...]:
        """True vertebrae that several predictions share."""
        return tuple(display_name(vertebra) for vertebra in self.vertebrae if vertebra.parts)

    @property
    def dice(self) -> float | None:
        """Mean Dice of the true vertebrae, missed ones being 0; None where there is none."""
        return _mean([vertebra.mask.dice for vertebra in self.vertebrae])


def display_name(vertebra: VertebraScore) -> str:
    """The name of a true vertebra: its level or, where that is unknown, the number of its label."""
    return vertebra.name or f"label {vertebra.label}"


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
