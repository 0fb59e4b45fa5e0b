"""The iterative segmenter on whole scans, with oracles that read the truth off the image and with a random network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import NO_MASK, NOTHING, detected_pieces, segmented
from learning_functions.inference.sliding_window import flexible
from learning_functions.options import InferenceOptions
from learning_functions.spec import Spec
from learning_functions.task import Settings
from learning_functions.task_options.instance_options import InstanceOptions
from tests.inference.iterative.spine_truth import SPACING_MM, spine
from tests.views import known_after, view_of
from utility_functions.anatomy.centroids import body_centroids, label_names
from utility_functions.anatomy.labels import CSI_LEVELS, USUAL_VERTEBRAE, VERSE_IDS
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, PartMap, TubeMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.trail import FOUND

PATCH = (20, 20, 16)
PADDING = -1.0
TOP = CSI_LEVELS["T12"]
BODY_DEPTH = 4


def settings(direction: str = "down", patch: tuple[int, int, int] = PATCH) -> Settings:
    spec = Spec(SPACING_MM, "RAS", patch, 1, ("vertebra",))
    return Settings("small", spec, 1, 2, 2, 0.9, 1, 1, 1e-3, options=InstanceOptions(direction=direction))


def scan_of(count: int, top: int = TOP, **how: Any) -> tuple[Volume, LabelMap]:
    """An image whose intensity is the level / 100, and its truth in VerSe's ids."""
    labels = spine(count, **how)
    grid = Grid.from_spacing(labels.shape, SPACING_MM, (-50.0, 20.0, 300.0))
    levels = np.where(labels > 0, labels.astype(int) + top - 1, 0)
    image = np.where(levels > 0, levels / 100, 0.0).astype(np.float32)
    ids = np.zeros(100, np.uint8)
    for name in USUAL_VERTEBRAE:
        ids[CSI_LEVELS[name]] = VERSE_IDS[name]
    return Volume(image, grid), LabelMap(ids[levels], grid)


@dataclass
class Reader:
    """An oracle that reads the levels off the image: the first that the memory does not hold.

    skew: added to the level. incomplete: levels that it calls incomplete.
    """

    image: Volume
    direction: str = "down"
    skew: float = 0.0
    incomplete: Sequence[int] = ()
    batches: list[tuple[int, ...]] = field(default_factory=list)

    def predict_on_batch(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.batches.append(batch.shape)
        assert set(np.unique(batch[..., 1])) <= {0.0, 1.0}
        levels, memory = np.rint(batch[0, ..., 0] * 100).astype(int), batch[0, ..., 1]
        present = [int(level) for level in np.unique(levels[levels > 0])]
        for level in present if self.direction == "down" else present[::-1]:
            own = levels == level
            if own.sum() >= 16 and memory[own].mean() <= 0.5:
                whole = level not in self.incomplete
                return self.answer(own, float(whole), level + self.skew)
        return self.answer(np.zeros(levels.shape), 0.0, 0.0)

    @staticmethod
    def answer(mask: NDArray, complete: float, level: float) -> dict[str, NDArray[np.float32]]:
        return {
            "mask": mask[None, ..., None].astype(np.float32),
            "complete": np.full((1, 1), complete, np.float32),
            "level": np.full((1, 1), level, np.float32),
        }


def traversed(
    image: Volume,
    network: Any,
    findings: Findings | None = None,
    truncated: str = "flag",
    direction: str = "down",
    naming: str = "published",
) -> Findings:
    view = view_of(image, findings, PADDING, truncated=truncated, naming=naming)
    return known_after(segmented(network, settings(direction), view), view)


@pytest.mark.parametrize("naming", ["decoder", "published"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_every_vertebra_gets_its_mask_its_name_and_its_centre(direction: str, naming: str) -> None:
    image, truth = scan_of(5)
    network = Reader(image, direction)
    found = traversed(image, network, direction=direction, naming=naming)
    assert found.instances is not None and (found.instances.voxels == truth.voxels).all()
    true = body_centroids(truth)
    assert found.landmarks is not None and found.landmarks.names == true.names == ("T12", "L1", "L2", "L3", "L4")
    assert np.abs(found.landmarks.points_mm - true.points_mm).max() < 4
    assert found.completeness == dict.fromkeys(true.names, 1.0) and not found.notes
    assert set(network.batches) == {(1, *PATCH, 2)}


def test_the_trail_is_in_millimetres() -> None:
    image, truth = scan_of(3)
    found = traversed(image, Reader(image))
    assert found.trail is not None and found.trail.direction == "down" and found.trail.start == "corner"
    kept = [step.position for step in found.trail.steps if step.decision == FOUND]
    assert len(kept) == 3 and np.abs(np.array(kept) - body_centroids(truth).points_mm).max() < 12


@pytest.mark.parametrize("truncated", ["keep", "flag", "drop"])
def test_truncated_vertebrae_are_kept_flagged_or_dropped(truncated: str) -> None:
    image, _ = scan_of(4, truncated=True)
    found = traversed(image, Reader(image, incomplete=(TOP, TOP + 3)), truncated=truncated)
    assert found.instances is not None and found.landmarks is not None
    dropped = truncated == "drop"
    assert label_names(found.instances) == (("L1", "L2") if dropped else ("T12", "L1", "L2", "L3"))
    assert found.landmarks.names == label_names(found.instances) == tuple(found.completeness)
    expected = {"keep": (), "flag": ("T12, L3: truncated by the border of the scan.",)}
    assert found.notes == expected.get(truncated, ("T12, L3: truncated by the border of the scan, and left out.",))
    if not dropped:
        assert found.completeness == {"T12": 0.0, "L1": 1.0, "L2": 1.0, "L3": 0.0}


def test_an_incomplete_vertebra_inside_the_chain_is_never_dropped() -> None:
    image, _ = scan_of(5)
    found = traversed(image, Reader(image, incomplete=(TOP + 2,)), truncated="drop")
    assert found.landmarks is not None and "L2" in found.landmarks.names and found.completeness["L2"] == 0


def test_names_found_before_win_where_they_agree() -> None:
    image, truth = scan_of(5)
    true = body_centroids(truth)
    before = Landmarks(("T11", "L1", "L2", "S1"), [*true.points_mm[[0, 2, 3]], true.points_mm[4] - (0, 0, 40)])
    found = traversed(image, Reader(image), Findings("scan", image.grid, landmarks=before))
    assert found.landmarks is not None and found.landmarks.names == ("T11", "T12", "L1", "L2", "L3", "S1")
    assert found.trail is not None and found.trail.start == "centroids"
    assert any("3 of 5 names were found before" in note for note in found.notes)


def test_names_found_before_that_contradict_one_another_lose() -> None:
    image, truth = scan_of(5)
    true = body_centroids(truth)
    before = Landmarks(("T11", "L1", "L3"), true.points_mm[[0, 1, 2]])
    found = traversed(image, Reader(image, skew=0.3), Findings("scan", image.grid, landmarks=before))
    assert found.landmarks is not None and found.landmarks.names == true.names
    assert any("contradict one another" in note for note in found.notes)


def test_a_vertebra_named_before_without_a_mask_keeps_its_place() -> None:
    image, truth = scan_of(5)
    true = body_centroids(truth)
    hidden = image.with_voxels(np.where(truth.voxels == VERSE_IDS["L2"], 0.0, image.voxels).astype(np.float32))
    found = traversed(hidden, Reader(hidden), Findings("scan", image.grid, landmarks=true))
    assert found.landmarks is not None and found.landmarks.names == true.names
    assert found.instances is not None and label_names(found.instances) == ("T12", "L1", "L3", "L4")
    assert "No mask was found of L2, named before." in found.notes


def test_a_missed_vertebra_keeps_the_count_right() -> None:
    image, truth = scan_of(6, missing=(3,))
    usual = np.mean([STEP_MM[pair] for pair in pairwise(USUAL_VERTEBRAE[18:])])
    stretched = Grid.from_spacing(image.grid.shape, (4.0, 4.0, 4.0 * usual / 28))
    image, truth = Volume(image.voxels, stretched), LabelMap(truth.voxels, stretched)
    found = traversed(image, Reader(image))
    assert found.landmarks is not None and found.landmarks.names == ("T12", "L1", "L3", "L4", "L5")


def test_the_decoder_interpolates_a_missed_vertebra_and_reports_it() -> None:
    image, _ = scan_of(6, missing=(3,))
    usual = np.mean([STEP_MM[pair] for pair in pairwise(USUAL_VERTEBRAE[18:])])
    image = Volume(image.voxels, Grid.from_spacing(image.grid.shape, (4.0, 4.0, 4.0 * usual / 28)))
    found = traversed(image, Reader(image), naming="decoder")
    assert found.landmarks is not None and found.naming is not None and found.instances is not None
    assert found.landmarks.names == ("T12", "L1", "L2", "L3", "L4", "L5")
    assert found.interpolated == ("L2",) and "L2" not in label_names(found.instances) and "L2" not in found.completeness
    assert "Not detected, but interpolated between others: L2." in found.notes
    between = (found.landmarks.point("L1") + found.landmarks.point("L3")) / 2
    assert np.linalg.norm(found.landmarks.point("L2") - between) < 6


def test_the_decoder_names_truncated_vertebrae_without_using_their_levels() -> None:
    image, _ = scan_of(4, truncated=True)
    found = traversed(image, Reader(image, incomplete=(TOP, TOP + 3)), naming="decoder")
    assert found.landmarks is not None and found.landmarks.names == ("T12", "L1", "L2", "L3")
    assert "T12, L3: truncated by the border of the scan." in found.notes
    assert found.naming is not None and set(found.naming.posterior) == set(found.landmarks.names)


def test_the_decoder_warns_where_levels_are_uncertain() -> None:
    image, _ = scan_of(3)
    certain, uncertain = (traversed(image, Reader(image, skew=skew), naming="decoder").naming for skew in (0.0, 0.5))
    assert certain is not None and uncertain is not None and uncertain.warning
    assert uncertain.shifted_by_one > 0.25 > certain.shifted_by_one and uncertain.margin < certain.margin


def test_names_that_hold_keep_their_record() -> None:
    image, truth = scan_of(4)
    true = body_centroids(truth)
    record = NamingRecord(dict.fromkeys(true.names[:3], 0.9), interpolated=("L1", "L3"), warning="Doubtful.")
    before = Findings("scan", image.grid, landmarks=true).named(record)
    found = traversed(image, Reader(image), before, naming="decoder")
    assert found.naming is not None and found.interpolated == () and found.notes.count("Doubtful.") == 1


def test_the_sacrum_found_before_stays() -> None:
    image, truth = scan_of(3)
    before = np.where(truth.voxels == VERSE_IDS["L2"], VERSE_IDS["S1"], truth.voxels)
    before[:2, :2, :2] = VERSE_IDS["S1"]
    found = traversed(image, Reader(image), Findings("scan", image.grid, instances=BodyMap(before, image.grid)))
    assert found.instances is not None
    assert set(np.unique(found.instances.voxels)) == {0, *np.unique(truth.voxels), VERSE_IDS["S1"]}
    assert (found.instances.voxels == VERSE_IDS["S1"]).sum() == 8


@pytest.mark.parametrize("parts", [True, False])
def test_a_traversal_starts_at_detected_bodies(parts: bool) -> None:
    image, truth = scan_of(5)
    voxels = (truth.voxels > 0).astype(np.uint8)
    if not parts:  # a tube without gaps
        voxels[13:17, 13:22] = voxels.any(axis=(0, 1))
    findings = Findings("scan", image.grid, (PartMap if parts else TubeMap)(voxels, image.grid))
    assert len(detected_pieces(findings)) in (5, 6)
    found = traversed(image, Reader(image), findings)
    assert found.trail is not None and found.trail.start == "centroids"
    assert found.landmarks is not None and len(found.landmarks) == 5


@pytest.mark.parametrize("shape", [(3, 4, 5), (40, 30, 50)])
def test_a_scan_without_a_vertebra_gives_a_note(shape: tuple[int, int, int]) -> None:
    for level in (0.0, PADDING):
        image = Volume(np.full(shape, level, np.float32), Grid.from_spacing(shape, SPACING_MM))
        network = Reader(image)
        found = traversed(image, network)
        assert found.notes == (NOTHING,) and found.landmarks is not None and not len(found.landmarks)
        assert found.instances is not None and not found.instances.voxels.any()
        assert bool(network.batches) == (level != PADDING), "patches of padding alone are not predicted"


def test_a_chain_longer_than_the_spine_leaves_out_unnamed_vertebrae() -> None:
    image, _ = scan_of(26, top=1)
    image = Volume(image.voxels, Grid.from_spacing(image.grid.shape, (4.0, 4.0, 2.7)))  # steps of 19 mm
    found = traversed(image, Reader(image))
    assert found.landmarks is not None and found.landmarks.names == USUAL_VERTEBRAE
    assert any("2 vertebrae outside C1 to L5" in note for note in found.notes)


@pytest.fixture(scope="module")
def keras_network() -> keras.Model:
    """A network with the right inputs and outputs, and random weights."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 8, 2))
    features = keras.layers.Conv3D(2, 3, padding="same", activation="relu")(inputs)
    pooled = keras.layers.GlobalMaxPooling3D()(features)
    outputs = {
        "mask": keras.layers.Conv3D(1, 1, activation="sigmoid")(features),
        "complete": keras.layers.Dense(1, activation="sigmoid")(pooled),
        "level": keras.layers.Dense(1)(pooled),
    }
    return flexible(keras.Model(inputs, outputs))


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_keras_network_segments_a_scan(keras_network: keras.Model, direction: str) -> None:
    image, _ = scan_of(2)
    chosen = replace(settings(direction), spec=replace(settings().spec, patch=(8, 8, 8)))
    view = view_of(image, padding=PADDING)
    found = known_after(segmented(keras_network, chosen, view), view)
    assert found.trail is not None and found.trail.predictions and found.landmarks is not None
    assert found.instances is not None
    assert set(label_names(found.instances)) == set(found.landmarks.names) - set(found.interpolated)


def test_the_option_truncated_has_three_values() -> None:
    with pytest.raises(ValueError, match=r"one of keep, flag, drop\. Received: 'hide'"):
        InferenceOptions(truncated="hide")


def test_without_masks_the_names_found_before_stay() -> None:
    image, truth = scan_of(4)
    blank = image.with_voxels(image.voxels * 0)
    before = Findings("scan", image.grid, instances=truth, landmarks=body_centroids(truth))
    view = view_of(blank, before, PADDING)
    found = known_after(segmented(Reader(blank), settings(), view), view)
    assert found.landmarks is before.landmarks and found.instances is truth
    assert NO_MASK in found.notes and found.trail is not None
