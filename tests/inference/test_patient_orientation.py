"""Patients whose orientation differs from the header: a turn that shows far more arch is taken; positions stay."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from learning_functions.inference.patient_orientation import note_of, settled_orientation
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import ARCH, BODY, PARTS
from utility_functions.anatomy.peaks import Candidate
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned, turned_points
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import ClassProbabilities, PartMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.trail import Step, Trail
from utility_functions.records.turned_findings import turned_findings

SHAPE = (20, 24, 16)
BODY_HU, ARCH_HU, PADDING = 1.0, 2.0, -1.0
CHECK = OrientationCheck(hesitant_below=0.86, believed_from=0.82)


def patient(spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0), arches: bool = True) -> Volume:
    """A symmetric column of bodies with arches behind it."""
    voxels = np.full(SHAPE, PADDING, np.float32)
    voxels[8:12, 14:18] = BODY_HU
    if arches:
        voxels[8:12, 6:12] = ARCH_HU
    return Volume(voxels, Grid.from_spacing(SHAPE, spacing_mm, (-30, 40, 500)))


class Predictor:
    """Finds bodies in every orientation, and arches with certainty only behind the bodies."""

    def __init__(self, aligned: float = 0.97, misaligned: float = 0.7) -> None:
        self.aligned, self.misaligned = aligned, misaligned
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, image: Volume) -> ClassProbabilities:
        self.shapes.append(image.voxels.shape)
        bodies, arches = np.argwhere(image.voxels == BODY_HU), np.argwhere(image.voxels == ARCH_HU)
        behind = len(arches) > 0 and arches[:, 1].max() < bodies[:, 1].min()
        probabilities = np.zeros((*image.voxels.shape, len(PARTS)), np.float32)
        probabilities[..., BODY] = np.where(image.voxels == BODY_HU, 0.95, 0)
        probabilities[..., ARCH] = np.where(image.voxels == ARCH_HU, self.aligned if behind else self.misaligned, 0)
        probabilities[..., 0] = 1 - probabilities.sum(axis=-1)
        return ClassProbabilities(probabilities.astype(np.float16), image.grid, PartMap)


@pytest.mark.parametrize("quarter_turns", range(4))
def test_the_quarter_turns_that_restore_the_patient_orientation_are_found(quarter_turns: int) -> None:
    rotated = turned(patient(), -quarter_turns).reoriented("RAS")
    settled = settled_orientation(Predictor(), rotated, PADDING, CHECK)
    assert settled.quarter_turns == quarter_turns
    probabilities = Predictor()(patient())
    np.testing.assert_array_equal(settled.probabilities.voxels, probabilities.voxels)
    assert settled.probabilities.grid.same_as(patient().grid)


def test_a_patient_as_in_the_header_takes_one_prediction() -> None:
    predictor = Predictor()
    image = patient()
    assert settled_orientation(predictor, image, PADDING, CHECK).probabilities.grid is image.grid
    assert predictor.shapes == [SHAPE]


def test_quarter_turns_are_predicted_near_the_spine_alone() -> None:
    predictor = Predictor(aligned=0.8)
    grid = Grid.from_spacing((100, 80, 30), (2.0, 2.0, 2.0))
    image = Volume(np.full(grid.shape, PADDING, np.float32), grid)
    image.voxels[40:60, 30:54, 5:21] = patient().voxels
    assert settled_orientation(predictor, image, PADDING, CHECK).quarter_turns == 0
    beside = 20
    box = (4 + 2 * beside, 12 + 2 * beside, 30)
    assert predictor.shapes == [grid.shape, (box[1], box[0], 30), box, (box[1], box[0], 30)]


@pytest.mark.parametrize(
    ("aligned", "misaligned"),
    [(0.8, 0.7), (0.84, 0.7), (0.97, 0.91)],
    ids=["no turn is certain", "none is arch for certain", "as certain as before the turn"],
)
def test_a_quarter_turn_that_shows_little_more_arch_is_rejected(aligned: float, misaligned: float) -> None:
    rotated = turned(patient(), 1).reoriented("RAS")
    assert settled_orientation(Predictor(aligned, misaligned), rotated, PADDING, CHECK).quarter_turns == 0


def test_a_few_voxels_of_arch_do_not_turn_the_scan() -> None:
    rotated = turned(patient((0.8, 0.8, 0.8)), 2).reoriented("RAS")
    assert settled_orientation(Predictor(), rotated, PADDING, CHECK).quarter_turns == 0


def test_without_detection_no_quarter_turn_is_predicted() -> None:
    predictor = Predictor()
    empty = patient().with_voxels(np.full(SHAPE, PADDING, np.float32))
    assert settled_orientation(predictor, empty, PADDING, CHECK).quarter_turns == 0
    assert predictor.shapes == [SHAPE]


def test_turns_that_a_cheaper_prediction_rejects_are_not_predicted_again() -> None:
    rotated = turned(patient(), 1).reoriented("RAS")
    full, cheap = Predictor(), Predictor()
    settled = settled_orientation(full, rotated, PADDING, CHECK, cheap)
    assert settled.quarter_turns == 3
    assert len(cheap.shapes) == 3 and len(full.shapes) < 5, "without it: the scan, three turns, and the best again"


def test_bodies_without_arches_keep_the_orientation() -> None:
    predictor = Predictor()
    assert settled_orientation(predictor, patient(arches=False), PADDING, CHECK).quarter_turns == 0
    assert len(predictor.shapes) == 4


def test_small_components_far_away_do_not_widen_the_region() -> None:
    predictor = Predictor(aligned=0.8)
    grid = Grid.from_spacing((100, 80, 30), (2.0, 2.0, 2.0))
    image = Volume(np.full(grid.shape, PADDING, np.float32), grid)
    image.voxels[40:60, 30:54, 5:21] = patient().voxels
    image.voxels[2:4, 77:79, 10] = BODY_HU
    settled_orientation(predictor, image, PADDING, CHECK)
    assert predictor.shapes[2] == (44, 52, 30)


def test_turned_scans_keep_the_network_s_anisotropic_spacing() -> None:
    spacing = (2.0, 3.0, 4.0)
    rotated = turned(patient(spacing), 1).reoriented("RAS")
    network = Volume(rotated.voxels, rotated.grid)
    spacings = []
    predictor = Predictor()

    def predict(image: Volume) -> ClassProbabilities:
        spacings.append(image.grid.spacing_mm)
        return predictor(image)

    assert settled_orientation(predict, network, PADDING, CHECK).quarter_turns == 3
    assert set(spacings) == {rotated.grid.spacing_mm}


FULL = Findings(
    "scan",
    Grid.from_spacing((2, 3, 4), (1, 2, 3), (5, 6, 7), "PIR"),
    detection=PartMap(np.arange(24).reshape(2, 3, 4), Grid.from_spacing((2, 3, 4), (1, 2, 3), (5, 6, 7), "PIR")),
    landmarks=Landmarks(("L1", "L2"), np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([0.5, 0.25])),
    trail=Trail("down", "corner", (Step((1.0, 2.0, 3.0), 5.0, "found"),)),
    naming=NamingRecord({"L1": 1.0}, false_mm=((7.0, 8.0, 9.0),)),
    candidates=(Candidate("L1", (1.0, 2.0, 3.0), 0.5),),
    quarter_turns=1,
)
PLACED = {"grid", "detection", "instances", "heatmap", "structures", "numbered", "landmark_heatmap"}
PLACED |= {"landmarks", "trail", "naming", "candidates"}
ELSEWHERE = {"case_id", "completeness", "scores", "seconds", "notes", "quarter_turns"}


def test_every_position_in_findings_turns() -> None:
    assert {each.name for each in fields(Findings)} == PLACED | ELSEWHERE, "decide whether a new field holds positions"
    there = turned_findings(FULL, 1)
    np.testing.assert_array_equal(there.landmarks.points_mm, turned_points(FULL.landmarks.points_mm, 1))
    assert there.landmarks.scores.tolist() == [0.5, 0.25]
    assert there.trail.steps[0].position == (-2.0, 1.0, 3.0)
    assert there.naming.false_mm == ((-8.0, 7.0, 9.0),)
    assert there.candidates[0].point_mm == (-2.0, 1.0, 3.0)
    assert there.detection.grid is not FULL.grid and there.detection.grid.same_as(there.grid)
    assert there.detection.voxels is FULL.detection.voxels
    back = turned_findings(there, -1)
    np.testing.assert_array_equal(back.landmarks.points_mm, FULL.landmarks.points_mm)
    np.testing.assert_array_equal(back.grid.affine, FULL.grid.affine)
    assert (back.trail, back.naming, back.candidates) == (FULL.trail, FULL.naming, FULL.candidates)


def test_the_note_tells_which_side_is_which() -> None:
    assert "calls anterior is posterior, what it calls left is right" in note_of(2)
    assert "calls anterior is left, what it calls left is posterior" in note_of(1)
    assert "calls anterior is right, what it calls left is anterior" in note_of(3)
