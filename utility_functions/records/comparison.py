"""What measuring the same scans by several pipelines leaves behind: one row of figures for each pipeline.

Whatever is undefined is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from utility_functions.records.mask_scores import Figure


@dataclass(frozen=True)
class ScanFigures:
    """One scan by one pipeline.

    identified, close, levels: true vertebrae that are hits by VerSe's rule within 20 mm, within 4 mm, and in all; None
    without a truth or landmarks. seconds: spent by its models.
    """

    seconds: float
    identified: int | None = None
    close: int | None = None
    levels: int | None = None
    mean_mm: float | None = None
    dice: float | None = None


@dataclass(frozen=True)
class PipelineRow:
    """One pipeline over the scans that every pipeline of the comparison could measure.

    name, title: the folder of its results, and what it is called. tasks: of its models, in running order.
    scans, scored, levels: scans measured, those of them with a true vertebra, and their true vertebrae.
    rate_verse, rate_verse_4mm, rate_original: shares of true vertebrae identified. mean_mm: distance of pairs.
    all_right: share of scored scans in which all are identified (VerSe, 20 mm).
    dice, hd95_mm, assd_mm: of masks of whole vertebrae, by overlap whatever their names; missed ones are Dice 0.
    false_names: vertebrae told that the truth does not name. false_masks: masks on no vertebra in the labelled part.
    seconds: of its models, on average over scans.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    scans: int
    scored: int
    levels: int
    rate_verse: Figure
    rate_verse_4mm: Figure
    rate_original: Figure
    mean_mm: Figure
    all_right: Figure
    dice: Figure
    hd95_mm: Figure
    assd_mm: Figure
    false_names: int | None
    false_masks: int | None
    seconds: float | None
    by_scan: Mapping[str, ScanFigures] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """rows: in the order asked for. left_out: scans that not every pipeline could measure, which no row counts."""

    rows: tuple[PipelineRow, ...]
    left_out: tuple[str, ...] = ()
