"""Vertebra, disc or canal per voxel, as segmented in MR: from masks in any code, and back to SPIDER's numbers.

SPIDER (van der Graaf et al. 2024, "Lumbar spine segmentation in MR images: a dataset and a public benchmark") counts
vertebrae 1, 2, .. from the bottom. It adds 100 to the number of a truncated vertebra, gives the canal 100, and the disc
below each vertebra 201, 202, ..
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.centroids import LABEL_CODES, require_known_labels
from utility_functions.anatomy.labels import USUAL_VERTEBRAE, VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.geometry.boxes import box_at, common, widened
from utility_functions.geometry.volume import LabelMap

STRUCTURES = ("background", "vertebra", "disc", "canal")
"""The classes by their code."""
VERTEBRA, DISC, CANAL = range(1, 4)

SPIDER_CANAL, SPIDER_PARTIAL, SPIDER_DISCS, SPIDER_MOST = 100, 100, 200, 25
DISC_TISSUES = ("disc", "nucleus", "disc gas", "disc chalk")
CANAL_TISSUES = ("csf", "cord")
"""Tissues of a phantom that make up its discs and its canal."""
SPINEPS_DISCS, SPINEPS_CANAL = 100, (60, 61)


def structures_of(
    label_map: LabelMap, code: str, tissues: LabelMap | None = None, tissue_names: Sequence[str] = ()
) -> LabelMap:
    """The class (code of STRUCTURES) of every voxel of a label map written in one of LABEL_CODES.

    tissues: a phantom's, on the same grid, where the code has vertebrae alone; tissue_names: what its codes mean.
    Raises: ValueError where neither the code nor tissues have discs and canal; UnknownLevels for unknown labels.
    """
    voxels = label_map.voxels
    found = np.zeros(voxels.shape, np.uint8)
    if code == "spider":
        require_spider_labels(label_map)
        found[(voxels > 0) & (voxels < SPIDER_DISCS)] = VERTEBRA
        found[voxels == SPIDER_CANAL] = CANAL
        found[voxels > SPIDER_DISCS] = DISC
        return LabelMap(found, label_map.grid)
    ids = LABEL_CODES[code]
    require_known_labels(label_map, code)
    discs = (voxels > SPINEPS_DISCS) & (voxels <= 2 * SPINEPS_DISCS)
    canal = np.isin(voxels, SPINEPS_CANAL)
    has_spineps_names = code == "spineps" and bool(discs.any() or canal.any())  # VerSe's own files bear SPINEPS's names
    if ids is None or (tissues is None and not has_spineps_names):
        raise ValueError(f"Discs and canal are in maps of SPIDER's code or in a phantom's tissues. Received: {code}.")
    if tissues is not None:
        tissues.grid.require_same(label_map.grid, "Tissues and label map")
        for names, structure in ((DISC_TISSUES, DISC), (CANAL_TISSUES, CANAL)):
            codes = [place for place, name in enumerate(tissue_names) if name in names]
            found[np.isin(tissues.voxels, codes)] = structure
    else:
        found[discs], found[canal] = DISC, CANAL
    found[np.isin(voxels, [ids[name] for name in VERTEBRAE if name in ids])] = VERTEBRA
    return LabelMap(found, label_map.grid)


def require_spider_labels(label_map: LabelMap) -> None:
    """Raises: ValueError where a map holds numbers that SPIDER's code does not have."""
    numbers = np.unique(label_map.voxels)
    counted = (numbers % SPIDER_PARTIAL <= SPIDER_MOST) & (numbers >= 0) & (numbers <= SPIDER_DISCS + SPIDER_MOST)
    others = [int(number) for number in numbers[~counted | (numbers == SPIDER_DISCS)]]
    if others:
        raise ValueError(
            f"SPIDER's masks hold 1 to {SPIDER_MOST}, 100 to {SPIDER_PARTIAL + SPIDER_MOST} and 201 to "
            f"{SPIDER_DISCS + SPIDER_MOST}. Received: {', '.join(map(str, others[:5]))}."
        )


def spider_map(vertebrae: LabelMap, structures: LabelMap) -> LabelMap:
    """SPIDER's numbers of vertebrae given by VerSe ids, with the discs and the canal of ``structures`` on one grid.

    A vertebra that reaches the scan's upper or lower border is taken as truncated by the field of view; those above
    SPIDER_MOST have no number.
    """
    there = set(np.unique(vertebrae.voxels).tolist())
    names = sorted((name for name in VERTEBRAE if VERSE_IDS[name] in there), key=anatomical_order, reverse=True)
    numbers = np.zeros(256, np.uint8)
    for number, name in enumerate(names[:SPIDER_MOST], start=1):
        numbers[VERSE_IDS[name]] = number
    counted = LabelMap(numbers[vertebrae.voxels], vertebrae.grid)
    return with_discs_and_canal(counted, structures)


def with_discs_and_canal(counted: LabelMap, structures: LabelMap) -> LabelMap:
    """Vertebrae counted 1.. from the bottom, completed to a map in SPIDER's code."""
    counted.grid.require_same(structures.grid, "Counted vertebrae and structures")
    turned, classes = counted.reoriented("RAS"), structures.reoriented("RAS")
    found = turned.voxels.astype(np.uint8)
    cut = {int(number) for edge in (0, -1) for number in np.unique(found[:, :, edge]) if number}
    discs = numbered_discs(turned, classes)
    for number in cut:
        found[turned.voxels == number] = SPIDER_PARTIAL + number
    found[(classes.voxels == CANAL) & (found == 0)] = SPIDER_CANAL
    found[(discs > 0) & (found == 0)] = (discs + SPIDER_DISCS)[(discs > 0) & (found == 0)]
    return LabelMap(found, turned.grid).reoriented(counted.grid.axcodes)


def numbered_discs(counted: LabelMap, structures: LabelMap) -> NDArray[np.uint8]:
    """The number of the vertebra above for each voxel of a disc, 0 elsewhere; both maps are stored as RAS.

    Each component belongs to the lowest of the vertebrae that it touches and whose middle lies above its own. Where it
    touches none from below, it belongs to the one that would come next.
    """
    pieces, _ = ndimage.label(structures.voxels == DISC, ndimage.generate_binary_structure(3, 1))
    most = int(counted.voxels.max())
    middles = {
        number: float(heights.mean()) for number in range(1, most + 1) if len(heights := _body_heights(counted, number))
    }
    found = np.zeros(counted.grid.shape, np.uint8)
    for piece, box in enumerate(ndimage.find_objects(pieces), start=1):
        wider = common(widened(box, 3), box_at((0, 0, 0), counted.grid.shape))
        mask = pieces[wider] == piece
        height = float(counted.grid.to_mm(_middle(mask, wider))[2])
        near = ndimage.binary_dilation(mask, ndimage.generate_binary_structure(3, 2), iterations=2)
        touched = [int(number) for number in np.unique(counted.voxels[wider][near]) if number in middles]
        above = [number for number in touched if middles[number] > height]
        if not touched:
            continue
        number = min(above) if above else max(touched) + 1
        found[wider][mask] = min(number, SPIDER_MOST)
    return found


def _body_heights(counted: LabelMap, number: int) -> NDArray[np.float64]:
    """Heights in mm of the voxels in the front half of a vertebra, which is its body."""
    where = np.argwhere(counted.voxels == number)
    if not len(where):
        return np.zeros(0)
    front = where[where[:, 1] >= (where[:, 1].min() + where[:, 1].max()) / 2]
    return np.asarray(counted.grid.to_mm(front)[:, 2])


def _middle(mask: NDArray[np.bool_], box: tuple[slice, ...]) -> NDArray[np.float64]:
    return np.argwhere(mask).mean(axis=0) + [axis.start for axis in box]


def levels_of_numbers(lowest: str) -> tuple[int, ...]:
    """The VerSe ids of vertebrae counted from the bottom, the first being ``lowest``; no further variant is assumed.

    Raises: ValueError for what is no level of a free vertebra.
    """
    if lowest not in VERTEBRAE:
        raise ValueError(f"The lowest vertebra is one of {', '.join(VERTEBRAE)}. Received: {lowest!r}.")
    order = anatomical_order(lowest)
    upwards = [lowest, *(name for name in reversed(USUAL_VERTEBRAE) if anatomical_order(name) < order)]
    return tuple(VERSE_IDS[name] for name in upwards)
