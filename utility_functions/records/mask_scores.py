"""What scoring masks against ground truth leaves behind: per vertebra, per scan, and summed up over scans.

Whatever is undefined (a distance without two surfaces, a mean of nothing) is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

Interval = tuple[float, float]


@dataclass(frozen=True)
class MaskScore:
    """Two masks against each other: Dice and IoU as shares of 1, distances of their surfaces in mm.

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

    label: its number in the truth. name: its level, "" where the truth's code tells none.
    complete: whether the scan shows all of it. predicted_complete: what was predicted; None where nothing was.
    match: name of the prediction that lies on it, whatever the level; None where it is missed.
    mask: the scores of that pair.
    named: the scores against the prediction of its own level, as VerSe does; None where the truth tells no level.
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
        """Whether what was found bears its name; None where it is missed, or the truth tells no level."""
        return self.match == self.name if self.found and self.name else None

    @property
    def completeness_right(self) -> bool | None:
        """Whether it was rightly told to be complete, or not to be; None where nothing was told."""
        return None if self.predicted_complete is None else self.predicted_complete == self.complete


@dataclass(frozen=True)
class SegmentationScore:
    """The masks of one scan against its ground truth.

    vertebrae: the true ones, from the top down.
    false: predictions that lie on no true vertebra, though the truth tells what is there.
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
        return tuple(told(vertebra) for vertebra in self.vertebrae if not vertebra.found)

    @property
    def split(self) -> tuple[str, ...]:
        """True vertebrae that several predictions share."""
        return tuple(told(vertebra) for vertebra in self.vertebrae if vertebra.parts)

    @property
    def dice(self) -> float | None:
        """Mean Dice of the true vertebrae, missed ones being 0; None where there is none."""
        return _mean([vertebra.mask.dice for vertebra in self.vertebrae])


@dataclass(frozen=True)
class Figure:
    """A mean over ``count`` vertebrae with its 95 % interval over scans; None where they are undefined."""

    mean: float | None = None
    interval: Interval | None = None
    count: int = 0


@dataclass(frozen=True)
class SegmentationRow:
    """The true vertebrae of one group: a region, a level or a scan.

    found: share that a prediction lies on. named: share of the found whose prediction bears their name.
    dice, iou: over all, missed ones being 0. hd_mm, hd95_mm, assd_mm: over the found.
    dice_by_name: label against label, over all whose level is known.
    completeness: share of the found whose completeness was told rightly.
    false, merged: predictions, None for groups that predictions do not belong to. split: true vertebrae.
    """

    group: str
    vertebrae: int
    found: Figure
    named: Figure
    dice: Figure
    iou: Figure
    hd_mm: Figure
    hd95_mm: Figure
    assd_mm: Figure
    dice_by_name: Figure
    completeness: Figure
    split: int
    false: int | None
    merged: int | None


@dataclass(frozen=True)
class SegmentationSummary:
    """All scans with masks of vertebrae in their truth.

    regions: All, Complete (those the scan shows wholly), Cervical, Thoracic, Lumbar, in that order.
    levels: those there are, from the top down. scans: in the order of the run.
    """

    regions: tuple[SegmentationRow, ...]
    levels: tuple[SegmentationRow, ...]
    scans: tuple[SegmentationRow, ...]

    def region(self, name: str) -> SegmentationRow:
        """The row called "All", "Complete", "Cervical", "Thoracic" or "Lumbar"."""
        for row in self.regions:
            if row.group == name:
                return row
        raise ValueError(f"A region is one of {', '.join(row.group for row in self.regions)}. Received: {name!r}.")


def told(vertebra: VertebraScore) -> str:
    """What to call a true vertebra: its level or, where that is not known, the number of its label."""
    return vertebra.name or f"label {vertebra.label}"


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
