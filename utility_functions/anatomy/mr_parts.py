"""The parts of the spine that MR shows: those of CT, canal and cord, with discs as they are and not as tubes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS, VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.parts import ARCH, BODY, DISC, PARTS, SACRUM, vertebra_parts
from utility_functions.anatomy.structures import DISC_TISSUES, SPINEPS_CANAL, SPINEPS_DISCS
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

MR_PARTS = (*PARTS, "canal", "cord")
"""The parts by their code; those of CT keep theirs. The canal is what surrounds the cord in it."""
CANAL, CORD = range(len(PARTS), len(PARTS) + 2)
WIDE = 1.5
"""The disks are wider than published by this factor: the canal, and not the disk, ends a body."""
BESIDE_MM = 8.0
"""The canal within this distance of the plane through a body's centre tells where the body ends."""
NEAR_MM = 50.0
"""The canal farther than this from a body's centre is that of other vertebrae."""
SACRAL_NAMES = ("S1", "S2", "sacrum")
"""The names that the sacrum has in codes of label maps."""
S1_HALF_MM = (17.0, 28.0)
"""Half the height and half the width of the body of S1."""
DISC_REACH_MM, LEAST_DISC = 25.0, 100
"""The disc above S1 lies this near to the middle between L5 and S1, and has at least so many voxels."""
FRONT = 10.0
"""The percentile of the canal's voxels, from front to back, taken as its front."""


def soft_parts(
    label_map: LabelMap, code: str, tissues: LabelMap | None, tissue_names: Sequence[str]
) -> NDArray[np.uint8]:
    """Disc, canal and cord by their code in MR_PARTS, 0 elsewhere, on the grid of the label map.

    tissues: of a phantom, on that grid; tissue_names: what their codes mean. Without them the map is in SPINEPS's code.
    Raises: ValueError where neither tells discs and canal.
    """
    found = np.zeros(label_map.grid.shape, np.uint8)
    if tissues is not None:
        for names, part in ((DISC_TISSUES, DISC), (("csf",), CANAL), (("cord",), CORD)):
            found[np.isin(tissues.voxels, [place for place, name in enumerate(tissue_names) if name in names])] = part
        return found
    voxels = label_map.voxels
    found[(voxels > SPINEPS_DISCS) & (voxels <= 2 * SPINEPS_DISCS)] = DISC
    found[voxels == SPINEPS_CANAL[1]] = CANAL
    found[voxels == SPINEPS_CANAL[0]] = CORD
    if code != "spineps" or not found.any():
        raise ValueError(f"Discs and canal are in a phantom's tissues or in SPINEPS's code. Received: the code {code}.")
    return found


def mr_parts(
    landmarks: Landmarks, label_map: LabelMap, soft: NDArray[np.uint8], ids: Mapping[str, int] = VERSE_IDS
) -> NDArray[np.uint8]:
    """The part (code of MR_PARTS) of every voxel of ``label_map``, which lies on an upright RAS grid.

    landmarks: body centroids; soft: as ``soft_parts`` gives. A body ends at the front of the canal; what lies behind is
    arch or, of the sacrum, sacrum. Bone goes before disc, canal and cord.
    """
    parts = vertebra_parts(landmarks.only({*VERTEBRAE, "S1"}), label_map, ids, WIDE)
    canal, discs = (np.asarray(label_map.grid.to_mm(np.argwhere(of)), float) for of in (soft >= CANAL, soft == DISC))
    parts[(parts == BODY) & np.isin(label_map.voxels, [ids[name] for name in SACRAL_NAMES if name in ids])] = SACRUM
    for name, centre in landmarks.only({*VERTEBRAE, "S1"}):
        up = _upwards(name, centre, landmarks, discs)
        if name == "S1":
            numbers = [ids[each] for each in SACRAL_NAMES if each in ids]
            own = np.argwhere((parts == SACRUM) & np.isin(label_map.voxels, numbers))
            points = label_map.grid.to_mm(own) - centre
            body = (np.abs(points @ up) < S1_HALF_MM[0]) & (np.abs(points[:, 0]) < S1_HALF_MM[1])
            body &= np.linalg.norm(points, axis=1) < NEAR_MM
            body &= ~_behind(points, up, canal - centre)
            parts[tuple(own[body].T)] = BODY
        elif name in ids:
            own = np.argwhere((parts == BODY) & (label_map.voxels == ids[name]))
            behind = own[_behind(label_map.grid.to_mm(own) - centre, up, canal - centre)]
            parts[tuple(behind.T)] = ARCH
    parts[parts == DISC] = 0
    return np.where(parts == 0, soft, parts).astype(np.uint8)


def _behind(points: NDArray[np.float64], up: NDArray[np.float64], canal: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (n, 3) of one vertebra lie behind the front of the canal; all in mm from the body's centre."""
    near = canal[(np.abs(canal @ up) < BESIDE_MM) & (np.linalg.norm(canal, axis=1) < NEAR_MM)]
    if not len(near) or not len(points):
        return np.zeros(len(points), bool)
    back = near.mean(axis=0)
    back -= (back @ up) * up
    back[0] = 0.0
    back /= max(float(np.linalg.norm(back)), 1e-6)
    return np.asarray(points @ back >= np.percentile(near @ back, FRONT))


def _upwards(
    name: str, centre: NDArray[np.float64], landmarks: Landmarks, discs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The direction of the column at a level, from the landmarks next to it; of S1 across the disc above it."""
    known = [each for each in LEVELS if each in landmarks.names]
    place = known.index(name)
    points = [landmarks.point(each) for each in known[max(place - 1, 0) : place + 2]]
    along = points[0] - points[-1] if len(points) > 1 else np.array([0.0, 0.0, 1.0])
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    if name == "S1" and len(points) > 1:
        disc = discs[np.linalg.norm(discs - (points[0] + centre) / 2, axis=1) < DISC_REACH_MM]
        if len(disc) >= LEAST_DISC:
            across = np.linalg.svd(disc - disc.mean(axis=0), full_matrices=False)[2][2]
            across[0] = 0.0
            if abs(across @ along) > 0.5 * np.linalg.norm(across):
                along = across * np.sign(across @ along) / np.linalg.norm(across)
    return np.asarray(along)
