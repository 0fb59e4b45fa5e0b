"""Naming: the level of each detected body, or that it is a false positive, by a small network over keypoints.

The nodes are those of VID (Buergin et al. 2023): bodies with probabilities of their region, and the two pedicles of
each. The assignment of pedicles to bodies is estimated apart from the network (`anatomy/naming/pedicle_places.py`). The
option ``places`` holds the estimate; without it, that of all of VID applies.
Residual convolutions along the sorted bodies take the place of the publication's graph network in every preset. The
exact decoder (anatomy/naming) turns their output into names. `paper` is the widest preset.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_functions.io_signature import IOSignature
from learning_functions.spec import Spec
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.naming_options import NamingOptions
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE, region_of
from utility_functions.anatomy.naming.decoder import ALTERNATIVES
from utility_functions.anatomy.naming.evidence import ROWS
from utility_functions.anatomy.naming.matching import true_names
from utility_functions.anatomy.naming.nodes import CHANNELS, UNITS, nodes_of
from utility_functions.anatomy.naming.pedicle_places import read_places
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.cases import Scan, true_landmarks
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import StageFindings
from utility_functions.records.naming_record import NamingRecord

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.node_changes import NodeChanges
    from learning_functions.samples.store.sample_store import SampleStore

FALSE = ROWS.index("false") + 1
"""The target of false positives; levels are 1 to 28 in anatomical order, 0 is no node."""
REGION_PROBABILITY = 0.9
"""The probability of its region that a named landmark gets, where no detector gave one."""

_SMALL = Settings(
    preset="small",
    spec=Spec(
        spacing_mm=(8.0, 8.0, 8.0),
        axcodes="RAS",
        patch=(1, 1, 28),
        channels=CHANNELS,
        labels=ROWS,
        intensity="window",
        window=(-UNITS, UNITS),
    ),
    samples_per_scan=2,
    filters=64,
    levels=4,
    momentum=0.9,
    batch=32,
    epochs=20,
    learning_rate=2e-3,
    schedule="cosine",
    options=NamingOptions(members=1, dropout=0.2),
)
_SHIPPED = _SMALL.changed(preset="shipped", epochs=30, filters=96, options=replace(_SMALL.options, members=3))
_PAPER = _SMALL.changed(preset="paper", filters=128, options=NamingOptions())


def _sample(
    nodes: np.ndarray, targets: np.ndarray, numbers: np.ndarray, spec: Spec, rng: np.random.Generator
) -> Sample:
    room = spec.patch[2]
    first = int(rng.integers(max(len(nodes) - room, 0) + 1))
    shown = slice(first, first + room)
    inputs = np.zeros((1, room, CHANNELS), np.int16)
    inputs[0, : len(nodes[shown])] = nodes[shown]
    target = np.zeros((1, room), np.uint8)
    target[0, : len(nodes[shown])] = targets[shown]
    return Sample(inputs, target, numbers=numbers)


def _keypoints_of(landmarks: Landmarks) -> Keypoints:
    """Landmarks as a detector's bodies, each with the region of its name."""
    probabilities = np.zeros((len(landmarks), 3))
    for row, name in enumerate(landmarks.names):
        region = "Lumbar" if name in ("S1", "S2") else region_of(name)
        if region is not None:
            probabilities[row] = (1 - REGION_PROBABILITY) / 2
            probabilities[row, ("Cervical", "Thoracic", "Lumbar").index(region)] = REGION_PROBABILITY
    none = np.zeros((0, 3))
    return Keypoints(landmarks.points_mm, ("",) * len(landmarks), probabilities, none, none)


class NamingTask(Task[NamingOptions]):
    """The level of each landmark, by a network over keypoints."""

    name = "naming"
    options_type = NamingOptions
    uses = ("landmarks",)
    gives = ("landmarks",)
    sees_images = False
    numbers = tuple(f"has_{level}" for level in LEVELS)
    """Of each sample: whether the scan's truth holds the level, also where nothing was detected."""
    presets = MappingProxyType({"paper": _PAPER, "small": _SMALL, "shipped": _SHIPPED})

    def samples(self, scan: Scan, settings: Settings[NamingOptions], rng: np.random.Generator) -> list[Sample]:
        """The nodes of one scan (1, nodes, channels) with the row of ROWS of each, counted from 1 (1, nodes).

        Nodes are a detector's keypoints where there are such, else the true bodies. All samples of a scan are alike,
        since training augments each anew. Of more bodies than the patch holds, a random contiguous run is taken.
        """
        true = true_landmarks(scan)
        if true is None or not len(true.only(VERTEBRAE)):
            raise ValueError("There is no named vertebra among the annotations.")
        keypoints = scan.keypoints
        if keypoints is None:
            found = true.only(VERTEBRAE)
            keypoints = Keypoints(
                found.points_mm, found.names, np.zeros((len(found), 3)), np.zeros((0, 3)), np.zeros((0, 3))
            )
        if not len(keypoints.bodies_mm):
            raise ValueError("No body was detected.")
        places = read_places(settings.options.places)
        pedicles_mm = (keypoints.left_mm, keypoints.right_mm)
        nodes, order = nodes_of(keypoints.bodies_mm, keypoints.probabilities, pedicles_mm, places)
        names = true_names(keypoints.bodies_mm, true)
        targets = np.array([ROWS.index(names[i] or "false") + 1 for i in order], np.uint8)
        numbers = np.array([level in true for level in LEVELS], np.float32)
        return [_sample(nodes, targets, numbers, settings.spec, rng) for _ in range(settings.samples_per_scan)]

    def network(self, settings: Settings[NamingOptions]) -> keras.Model:
        from keras_models.naming_network import naming_network

        options = settings.options
        return naming_network(
            settings.spec.patch[2],
            settings.spec.channels,
            settings.filters,
            settings.levels,
            len(ROWS),
            options.members,
            options.dropout,
            options.decay,
        )

    def io_signature(self, settings: Settings[NamingOptions]) -> IOSignature:
        return IOSignature({"": (5, len(ROWS))})

    def objective(self, settings: Settings[NamingOptions]) -> Objective:
        from losses_and_metrics.dense_losses import LabelledCrossentropy, LevelAccuracy

        return Objective(LabelledCrossentropy(), [LevelAccuracy()], watched="val_loss", highest_is_best=False)

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[NamingOptions]) -> tuple[Any, Any]:
        """The targets once for each member of the network (batch, 1, nodes, members)."""
        from keras import ops

        return ops.repeat(ops.expand_dims(y, -1), settings.options.members, axis=-1), w

    def augmentation(self, settings: Settings[NamingOptions]) -> NodeChanges:
        from learning_functions.samples.augment.node_changes import NodeChanges

        row = {name: place + 1 for place, name in enumerate(ROWS)}
        return NodeChanges(
            FALSE, removed=(row["T12"], row["L5"]), added=((row["T12"], row["T13"]), (row["L5"], row["L6"]))
        )

    def learnt(
        self, network: keras.Model, settings: Settings[NamingOptions], training: SampleStore, validation: SampleStore
    ) -> NamingOptions:
        """The options with statistics of the training samples, and the calibration on the validation samples."""
        from learning_functions.training.naming_choice import chosen

        changes = None if settings.options.augment == "none" else self.augmentation(settings)
        return chosen(network, settings, training, validation, changes)

    def predict(self, network: keras.Model, settings: Settings[NamingOptions], view: ScanView) -> StageFindings:
        """The landmarks found so far, with new names; false positives are excluded and missed levels interpolated."""
        from learning_functions.inference.naming_evidence import decoded

        detected = view.findings.landmarks
        if detected is not None:  # an interpolated level is no detection
            detected = detected.only(name for name in detected.names if name not in view.findings.interpolated)
        if detected is None or not len(detected):
            return StageFindings(landmarks=Landmarks.empty()).noting("There was no vertebra to name.")
        naming = decoded(network, settings, _keypoints_of(detected), ALTERNATIVES)
        record = NamingRecord.of(naming, detected.points_mm, settings.options.warn_from)
        return StageFindings(landmarks=naming.landmarks, naming=record)


TASK = NamingTask()
