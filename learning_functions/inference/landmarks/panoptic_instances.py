"""Vertebrae that nobody named before: found where the votes of a panoptic network gather, and named by the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.counted_names import DECLARED, shown_beyond
from learning_functions.inference.iterative.patch_prediction import largest_piece
from learning_functions.inference.label_fusion import LabelFusion
from learning_functions.inference.landmarks.landmark_masks import reaches_the_end
from learning_functions.inference.landmarks.mask_pieces import CONSIDERED, cleaned, scaled
from learning_functions.inference.landmarks.mask_surface import SurfacePlacing
from learning_functions.inference.landmarks.panoptic_maps import PanopticMaps
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from learning_functions.task import Settings
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.cluster_chain import in_column, joined_halves
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.mr_parts import CANAL, MR_PARTS
from utility_functions.anatomy.naming.counted_levels import SEEN_OF_TRUNCATED, CountedBodies
from utility_functions.anatomy.naming.decoder import Naming
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.ordering import along_the_spine
from utility_functions.anatomy.parts import BODY, DISC, SACRUM
from utility_functions.anatomy.structures import CANAL as CANAL_STRUCTURE
from utility_functions.anatomy.structures import DISC as DISC_STRUCTURE
from utility_functions.anatomy.structures import VERTEBRA as VERTEBRA_STRUCTURE
from utility_functions.anatomy.structures import levels_of_numbers, spider_map
from utility_functions.anatomy.vote_clusters import reached_centres, vote_centres
from utility_functions.geometry.boxes import box_at, common, first_of, widened
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import ClassProbabilities, SpiderMap, StructureMap, VertebraMap
from utility_functions.records.naming_record import NamingRecord

SACRAL_FROM = 0.25
"""The fraction of what lies round a body that is sacrum from which on it is surely that of S1."""
TOUCHING_MM = 8.0
"""How far round a body sacrum is looked for."""
BODY_FROM = 0.5
"""A voxel counts as body where at least this fraction of its probability of vertebra is body's."""
LEAST_BODY_MM3, LEAST_BODY = 600.0, 0.12
"""Votes without so much body, also as a fraction of their volume, are no vertebra: arches that point beside theirs."""
SACRUM_MM3 = 3000.0
"""So much sacrum tells that the spine ends above it."""
NOTHING = "No vertebra was found."


@dataclass(frozen=True, eq=False)
class FoundVertebrae:
    """Vertebrae from the top down: centres (N, 3) in RAS+ mm, and of each voxel its number from 1 on; 0: none."""

    centres_mm: NDArray[np.float64]
    owner: NDArray[np.uint8]


def found_instances(maps: PanopticMaps, settings: Settings[PanopticOptions], view: ScanView) -> StageFindings:
    """``instances``, ``landmarks``, ``naming`` and ``detection``; of MR also ``structures`` and ``numbered``.

    Every voxel of a vertebra goes to the centre that it votes for; truncated vertebrae, whose centres may lie out of
    the scan, have masks and no landmark. Names are counted from the sacrum or from the neck.
    """
    threshold = settings.options.threshold
    found = found_vertebrae(maps, threshold)
    result = StageFindings(detection=maps.parts)
    if not len(found.centres_mm):
        empty = VertebraMap(np.zeros(view.target_grid.shape, np.uint8), view.target_grid)
        return result.having(instances=empty, landmarks=Landmarks.empty()).noting(NOTHING)
    cut = _truncated(maps, found, threshold, view)
    naming = _named(maps, found, cut, view)
    names, every, lowest = naming.names, naming.landmarks, view.options.lowest
    if lowest is not None:
        names = declared_names(names, lowest)
        named = [place for place, name in enumerate(names) if name]
        every = Landmarks(tuple(names[place] for place in named), found.centres_mm[named])
        result = result.noting(DECLARED.format(lowest))
    instances = _masks(maps, found, names, settings, view)
    landmarks = every.at(np.flatnonzero(maps.grid.contains(every.points_mm)))
    record = NamingRecord.of(naming, found.centres_mm).only(landmarks.names) if lowest is None else None
    told = [name for name, is_cut in zip(names, cut, strict=True) if is_cut and name]
    result = result.having(instances=instances, landmarks=landmarks, naming=record)
    result = result.noting(truncation_note(told, view.options.truncated))
    if settings.spec.labels != MR_PARTS:
        return result
    structures = _structures(maps, instances, settings.options.soft_threshold)
    numbered = spider_map(instances, structures)
    return result.having(structures=structures, numbered=SpiderMap(numbered.voxels, numbered.grid))


def declared_names(names: Sequence[str], lowest: str) -> tuple[str, ...]:
    """The names from the top down where the lowest free vertebra is ``lowest``; S1 and what has no name stay."""
    free = [place for place, name in enumerate(names) if name in VERTEBRAE]
    levels = {number: name for name, number in VERSE_IDS.items()}
    found = list(names)
    for place, number in zip_longest(reversed(free), levels_of_numbers(lowest)[: len(free)]):
        found[place] = levels[number] if number else ""
    return tuple(found)


def found_vertebrae(maps: PanopticMaps, threshold: float) -> FoundVertebrae:
    """The vertebrae where the votes of a scan gather, S1 among them."""
    vertebra = maps.vertebra
    where = np.nonzero(vertebra > CONSIDERED * threshold)
    votes = maps.votes_mm(where)
    weights = vertebra[where] * maps.grid.voxel_volume_mm3
    strong = vertebra[where] >= threshold
    centres = vote_centres(votes[strong], weights[strong])
    bodies = weights * (maps.every[..., BODY][where] >= BODY_FROM * vertebra[where])
    centres = _column(centres, votes[strong], weights[strong], bodies[strong])
    owner = np.zeros(vertebra.shape, np.uint8)
    owner[where] = reached_centres(votes, centres) + 1
    return FoundVertebrae(centres, owner)


def _column(
    centres: NDArray[np.float64], votes: NDArray[np.floating], every_mm3: NDArray[Any], body_mm3: NDArray[Any]
) -> NDArray[np.float64]:
    """The centres (N, 3) that have bodies and lie in a column, from the top down.

    votes: (n, 3); every_mm3, body_mm3: (n,) their volumes, as vertebra and as body.
    """
    centres = centres[along_the_spine(centres)]
    place = reached_centres(votes, centres)
    every, body = (_sums(place, of, len(centres)) for of in (every_mm3, body_mm3))
    there = (body >= LEAST_BODY_MM3) & (body >= LEAST_BODY * every)
    centres, body = centres[there], body[there]
    kept = in_column(centres, body)
    return joined_halves(centres[kept], body[kept])


def _sums(places: NDArray[np.int_], values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """The sum of the values at each place from 0 on."""
    return np.asarray(np.bincount(places[places >= 0], values[places >= 0], count), np.float64)


def _named(maps: PanopticMaps, found: FoundVertebrae, cut: list[bool], view: ScanView) -> Naming:
    """The names of the vertebrae, counted from the ends of the spine."""
    likeliest = maps.every.argmax(axis=-1)
    sacrum, body = likeliest == SACRUM, likeliest == BODY
    reach = np.ceil(TOUCHING_MM / np.asarray(maps.grid.spacing_mm)).astype(int)
    sacral = np.array(
        [_beside_sacrum(found.owner == n, body, sacrum, reach) for n in range(1, len(found.centres_mm) + 1)]
    )
    there = bool(sacrum.sum() * maps.grid.voxel_volume_mm3 > SACRUM_MM3)
    seen = np.where(cut, SEEN_OF_TRUNCATED, 1.0)
    above, _ = shown_beyond(found.centres_mm, view.target_grid)
    bodies = CountedBodies(found.centres_mm, seen, sacral, (above, there))
    return bodies.named(view.statistics or scan_statistics())


def _beside_sacrum(
    own: NDArray[np.bool_], body: NDArray[np.bool_], sacrum: NDArray[np.bool_], reach: NDArray[np.int_]
) -> float:
    """How surely a vertebra is S1, 0 to 1, from the fraction of sacrum within ``reach`` voxels round its body."""
    [box] = ndimage.find_objects((own & body).astype(np.uint8)) or [None]
    if box is None:
        return 0.0
    wide = common(
        tuple(slice(each.start - far, each.stop + far) for each, far in zip(box, reach, strict=True)),
        box_at((0, 0, 0), own.shape),
    )
    mine = own[wide] & body[wide]
    round_it = ndimage.maximum_filter(mine, size=tuple(2 * reach + 1)) & ~mine
    return float(min(sacrum[wide][round_it].mean() / SACRAL_FROM, 1.0)) if round_it.any() else 0.0


def _truncated(maps: PanopticMaps, found: FoundVertebrae, threshold: float, view: ScanView) -> list[bool]:
    """Whether each vertebra reaches the upper or lower end of the scan."""
    likely = maps.vertebra >= threshold
    cut = []
    for number in range(1, len(found.centres_mm) + 1):
        where = np.argwhere((found.owner == number) & likely)
        cut.append(bool(len(where)) and reaches_the_end(where, view.image, view.padding_value))
    return cut


def _masks(
    maps: PanopticMaps,
    found: FoundVertebrae,
    names: tuple[str, ...],
    settings: Settings[PanopticOptions],
    view: ScanView,
) -> VertebraMap:
    """The masks of the named vertebrae in VerSe ids; the sacrum is one with its first body."""
    vertebra, fusion, threshold = maps.vertebra, LabelFusion(maps.grid), settings.options.threshold
    place = SurfacePlacing(settings, view.image, maps)
    everywhere = box_at((0, 0, 0), vertebra.shape)
    sacral = [number for number, name in enumerate(names, start=1) if name == "S1"]
    probability = maps.every[..., SACRUM].astype(np.float32) + np.where(np.isin(found.owner, sacral), vertebra, 0)
    mask = cleaned(largest_piece(probability >= threshold))
    if mask.any():
        fusion.add(VERSE_IDS["S1"], (0, 0, 0), *place(everywhere, mask, scaled(probability, threshold), sacral=True))
    boxes = ndimage.find_objects(found.owner, len(names))
    for number, (name, box) in enumerate(zip(names, boxes, strict=True), start=1):
        if box is None or name not in VERTEBRAE:
            continue
        wide = place.widened(common(widened(box, 1), everywhere))
        probability = np.where(found.owner[wide] == number, vertebra[wide], 0)
        mask = cleaned(probability >= threshold)
        if mask.any():
            fusion.add(VERSE_IDS[name], first_of(wide), *place(wide, mask, scaled(probability, threshold)))
    return fusion.on(view.target_grid)


def _structures(maps: PanopticMaps, instances: VertebraMap, threshold: float) -> StructureMap:
    """Vertebra, disc and canal, which holds the cord, on the grid of the masks; the sacrum is none of them.

    threshold: the least probability of disc and of canal.
    """
    disc, canal = (each / (2 * threshold) for each in (maps.every[..., DISC], maps.every[..., CANAL:].sum(axis=-1)))
    other = np.full(disc.shape, 0.5, np.float16)
    shown = ClassProbabilities(np.stack([other, disc, canal], axis=-1).astype(np.float16), maps.grid, StructureMap)
    classes = shown.on(instances.grid).voxels
    found = np.zeros(classes.shape, np.uint8)
    found[classes == 1], found[classes == 2] = DISC_STRUCTURE, CANAL_STRUCTURE
    free = np.zeros(256, bool)
    free[[VERSE_IDS[name] for name in VERTEBRAE]] = True
    found[free[instances.voxels]] = VERTEBRA_STRUCTURE
    found[(instances.voxels > 0) & ~free[instances.voxels]] = 0
    return StructureMap(found, instances.grid)
