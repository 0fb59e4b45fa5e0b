"""A spine that does not run up and down, as the header names the axes, is told; everything else is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from learning_functions.inference.axis_order import CertainArch, axes_note, runs_upwards, with_axis_up
from learning_functions.inference.patient_orientation import settled_orientation
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import ARCH, BODY, PARTS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import ClassProbabilities, PartMap

BODY_HU, ARCH_HU, PADDING = 1.0, 2.0, -1.0
CHECK = OrientationCheck(hesitant_below=0.86, believed_from=0.82)
SIDEWAYS, FORWARDS = "runs between left and right", "runs between front and back"


def spine(spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Volume:
    """A column of bodies that runs upwards, with arches behind it, stored RAS."""
    voxels = np.full((60, 60, 80), PADDING, np.float32)
    voxels[25:35, 30:40, 5:75] = BODY_HU
    voxels[27:33, 18:26, 5:75] = ARCH_HU
    return Volume(voxels, Grid.from_spacing(voxels.shape, spacing_mm))


def with_axes(volume: Volume, order: tuple[int, int, int]) -> Volume:
    """The array with its axes in another order, under a header that knows nothing of it."""
    voxels = np.ascontiguousarray(volume.voxels.transpose(order))
    return Volume(voxels, Grid.from_spacing(voxels.shape, [volume.grid.spacing_mm[axis] for axis in order]))


def probabilities(image: Volume, sure: float = 0.97, unsure: float = 0.7) -> ClassProbabilities:
    """A network that sees few bodies and no arch for sure unless the spine runs up and down and arches lie behind."""
    bodies, arches = np.argwhere(image.voxels == BODY_HU), np.argwhere(image.voxels == ARCH_HU)
    behind = len(arches) > 0 and arches[:, 1].max() < bodies[:, 1].min()
    upright = behind and np.ptp(bodies[:, 2]) > np.ptp(bodies[:, 1])
    values = np.zeros((*image.voxels.shape, len(PARTS)), np.float32)
    seen = image.voxels == BODY_HU
    if not upright:
        seen[1::2] = seen[:, 1::2] = False
    values[..., BODY] = np.where(seen, 0.95, 0)
    values[..., ARCH] = np.where(image.voxels == ARCH_HU, sure if upright else unsure, 0)
    values[..., 0] = 1 - values.sum(axis=-1)
    return ClassProbabilities(values.astype(np.float16), image.grid, PartMap)


@pytest.mark.parametrize(
    ("order", "told"), [((2, 1, 0), SIDEWAYS), ((0, 2, 1), FORWARDS), ((2, 0, 1), SIDEWAYS), ((1, 2, 0), FORWARDS)]
)
def test_exchanged_axes_are_told(order: tuple[int, int, int], told: str) -> None:
    settled = settled_orientation(probabilities, with_axes(spine(), order), PADDING, CHECK)
    assert told.replace("runs", "to run") in settled.doubt.replace("seems ", "")


def test_the_network_s_spacing_is_kept_where_axes_are_exchanged() -> None:
    spacings = []

    def noticed(image: Volume) -> ClassProbabilities:
        spacings.append(tuple(np.round(image.grid.spacing_mm, 6)))
        return probabilities(image)

    settled = settled_orientation(noticed, with_axes(spine((2.0, 2.0, 3.0)), (2, 1, 0)), PADDING, CHECK)
    assert settled.doubt and set(spacings) == {(3.0, 2.0, 2.0)}


def test_a_spine_that_runs_up_and_down_is_never_tried_in_another_order() -> None:
    seen = []

    def hesitant(image: Volume) -> ClassProbabilities:
        seen.append(image.voxels.shape)
        return probabilities(image, sure=0.8)

    assert settled_orientation(hesitant, spine(), PADDING, CHECK).doubt == ""
    assert len(seen) == 4, "the scan and three quarter turns"


@pytest.mark.parametrize(
    "answer",
    [CertainArch(900.0, 0.97), CertainArch(20_000.0, 0.7), CertainArch(8000.0, 0.97)],
    ids=["too little arch", "unsure arch", "little more arch than as it is"],
)
def test_little_arch_in_another_order_tells_nothing(answer: CertainArch) -> None:
    image = with_axes(spine(), (2, 1, 0))
    parts = probabilities(image).likeliest
    assert axes_note(parts, image, CertainArch(3000.0, 0.75), CHECK.believed_from, lambda shown: answer) == ""
    assert axes_note(parts, image, CertainArch(3000.0, 0.75), CHECK.believed_from, lambda shown: CertainArch(9e4, 0.9))


def test_nothing_found_and_small_fields_tell_nothing() -> None:
    def never(shown: Volume) -> CertainArch:
        raise AssertionError

    image = with_axes(spine(), (2, 1, 0))
    nothing = np.zeros(image.voxels.shape, np.uint8)
    assert axes_note(nothing, image, CertainArch(0.0, 0.0), 0.8, never) == ""
    small = Volume(image.voxels[:40, :40, :40], Grid.from_spacing((40, 40, 40), (2.0, 2.0, 2.0)))
    found = nothing[:40, :40, :40].copy()
    found[10:20, 10:20, 10:20] = BODY
    assert axes_note(found, small, CertainArch(0.0, 0.0), 0.8, never) == ""


def test_long_fields_are_looked_at_in_part() -> None:
    voxels = np.full((400, 60, 60), PADDING, np.float32)
    voxels[:, 20:30, 30:40] = BODY_HU
    image = Volume(voxels, Grid.from_spacing(voxels.shape, (2.0, 2.0, 2.0)))
    sizes = []

    def looked(shown: Volume) -> CertainArch:
        sizes.append(max(shown.voxels.shape))
        return CertainArch(0.0, 0.0)

    axes_note(probabilities(image).likeliest, image, CertainArch(0.0, 0.0), 0.8, looked)
    assert len(sizes) == 4 and max(sizes) <= 122


def test_only_columns_that_are_long_enough_run_upwards() -> None:
    assert runs_upwards(probabilities(spine()).likeliest, spine().grid)
    aside = with_axes(spine(), (2, 1, 0))
    assert not runs_upwards(np.where(aside.voxels == BODY_HU, BODY, 0), aside.grid)
    assert not runs_upwards(np.where(spine().voxels == BODY_HU, BODY, 0)[:, :, :8], spine().grid)


@pytest.mark.parametrize("axis", [0, 1])
def test_an_axis_that_is_turned_up_is_turned_not_mirrored(axis: int) -> None:
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    volume = Volume(voxels, Grid.from_spacing((2, 3, 4), (1.0, 2.0, 3.0)))
    shown = with_axis_up(volume, axis)
    step = [np.argwhere(shown.voxels == voxels[each])[0] - np.argwhere(shown.voxels == 0)[0]
            for each in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]  # fmt: skip
    assert np.linalg.det(np.array(step)) == pytest.approx(1.0)
    assert abs(step[axis][2]) == 1 and shown.grid.spacing_mm[2] == volume.grid.spacing_mm[axis]
