"""What the numbers of a label map mean: a name and a colour for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from utility_functions.anatomy.labels import name_of_verse_id
from utility_functions.anatomy.mr_parts import MR_PARTS
from utility_functions.anatomy.structures import SPIDER_CANAL, SPIDER_DISCS, STRUCTURES
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.map_kinds import BodyMap, PartMap, SpiderMap, StructureMap, TubeMap, VertebraMap
from utility_functions.reporting.level_colours import Colour, number_colour

CANAL_COLOUR: Colour = (0.45, 0.85, 0.35)
DISC_COLOUR: Colour = (0.25, 0.62, 0.95)


def label_table(labels: LabelMap) -> list[dict[str, Any]]:
    """The numbers that a map holds, each with its name and its colour (red, green, blue in 0 to 255)."""
    found = []
    for number in np.unique(labels.voxels[labels.voxels > 0]).tolist():
        name, colour = _meaning(labels, number)
        found.append({"number": number, "name": name, "colour": colour_bytes(colour)})
    return found


def _meaning(labels: LabelMap, number: int) -> tuple[str, Colour]:
    if isinstance(labels, VertebraMap | BodyMap):
        name = name_of_verse_id(number) or f"label {number}"
        return ("sacrum" if name == "S1" else name), number_colour(number)
    if isinstance(labels, PartMap):
        return (MR_PARTS[number] if number < len(MR_PARTS) else f"label {number}"), number_colour(3 * number)
    if isinstance(labels, StructureMap):
        return STRUCTURES[number], (number_colour(1), DISC_COLOUR, CANAL_COLOUR)[number - 1]
    if isinstance(labels, TubeMap):
        return "vertebra", number_colour(number)
    if isinstance(labels, SpiderMap):
        if number == SPIDER_CANAL:
            return "canal", CANAL_COLOUR
        disc, counted = number > SPIDER_DISCS, number % SPIDER_CANAL
        words = f"{'disc below vertebra' if disc else 'vertebra'} {counted} from below"
        return words, DISC_COLOUR if disc else number_colour(counted)
    return f"label {number}", number_colour(number)


def colour_bytes(colour: Colour) -> list[int]:
    """Red, green and blue as whole numbers from 0 to 255."""
    return [round(255 * part) for part in colour]
