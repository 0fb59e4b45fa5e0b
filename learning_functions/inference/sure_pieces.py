"""Pieces of the column of bodies and discs that detection is sure of; the others show something else.

Where a network takes the end of another bone for a vertebra, it hesitates between the parts and the background.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from utility_functions.anatomy.parts import COLUMN
from utility_functions.records.map_kinds import ClassProbabilities


def sure_pieces(probabilities: ClassProbabilities, sure_from: float) -> ClassProbabilities:
    """The probabilities of parts, pieces of the column in doubt made background; themselves where there is none.

    sure_from: the least mean probability, over the voxels of a piece, of the part that is likeliest there.
    """
    column = np.isin(probabilities.likeliest, COLUMN)
    pieces, count = ndimage.label(column, np.ones((3, 3, 3)))
    if not count:
        return probabilities
    where = np.nonzero(column)
    of_piece = pieces[where]
    likeliest = probabilities.voxels[(*where, probabilities.likeliest[where])].astype(np.float64)
    mean = np.bincount(of_piece, likeliest)[1:] / np.bincount(of_piece)[1:]
    doubted = np.concatenate([[False], mean < sure_from])[of_piece]
    if not doubted.any():
        return probabilities
    voxels = probabilities.voxels.copy()
    left_out = tuple(axis[doubted] for axis in where)
    voxels[left_out] = 0
    voxels[(*left_out, 0)] = 1
    return ClassProbabilities(voxels, probabilities.grid, probabilities.kind)
