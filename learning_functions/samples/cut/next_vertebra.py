"""The sample of one step of a traversal: a patch round a vertebra, and memory of those traversed before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.cut.labelled_segments import LabelledSegment, memory_of
from learning_functions.samples.cut.memory_corruption import corrupted_memory
from learning_functions.samples.cut.memory_roughness import roughened_memory
from learning_functions.spec import OUTSIDE
from learning_functions.task import Sample, Settings
from learning_functions.task_options.instance_options import InstanceOptions
from utility_functions.anatomy.labels import regressed_level
from utility_functions.anatomy.landmark_prompt import centred_first, landmark_prompt
from utility_functions.geometry.landmarks import Landmarks


def next_vertebra_sample(
    segment: LabelledSegment,
    place: int,
    empty: bool,
    settings: Settings[InstanceOptions],
    rng: np.random.Generator,
    landmarks: Landmarks | None = None,
) -> Sample:
    """A patch round a random voxel of vertebra number ``place``, or round its prompt with ``prompt_offset_mm``.

    The vertebra is the target. With ``empty`` there is no target, and memory holds all vertebrae. The parts of the
    sample are those of ``InstanceTask.samples``. landmarks: those of the scan, for prompts.
    """
    patch, options = settings.spec.patch, settings.options
    voxels = segment.voxels_of(place)
    offset_mm = options.prompt_offset_mm
    at_mm = None if offset_mm is None or empty else _prompt_mm(segment, place, settings, rng, landmarks)
    if at_mm is None or offset_mm is None:
        first = voxels[rng.integers(len(voxels))] - np.asarray(patch) // 2
    else:
        first = centred_first(at_mm, segment.order.grid, patch, offset_mm)
    neighbour_only = rng.random() < options.memory_dropout
    roughened = rng.random() < options.memory_roughness
    order = segment.order.window(first, patch).voxels
    tissues = None if segment.tissues is None else segment.tissues.window(first, patch, OUTSIDE).voxels[..., None]
    target, weights = np.zeros(patch, np.uint8), np.zeros(patch, np.uint8)
    fraction = whole = level = 0.0
    if not empty:
        vertebra, near = segment.vertebrae[place - 1], segment.weights_near(place)
        target = (order == place).astype(np.uint8)
        offset = np.rint(segment.order.grid.to_index(near.grid.to_mm((0, 0, 0)))).astype(int)
        weights = near.window(first - offset, patch).voxels
        fraction = float(target.sum()) / len(voxels)
        whole, level = float(vertebra.whole), float(regressed_level(vertebra.name) or 0)
    memory = memory_of(order, None if empty else place, options.direction, neighbour_only)
    if options.memory_corruption and rng.random() < options.memory_corruption:
        last = place if empty else place + (1 if options.direction == "up" else -1)
        memory = corrupted_memory(memory, (order > 0) & (order == last), target > 0, segment.order.grid.spacing_mm, rng)
    memory = roughened_memory(memory, rng) if roughened else memory
    if options.sees_prompts:
        prompt = np.zeros(patch, np.uint8)
        if offset_mm is None:
            at_mm = _prompt_mm(segment, place, settings, rng, landmarks)
        if at_mm is not None:
            prompt = landmark_prompt(at_mm, segment.order.grid.window(first, patch), options.prompt_sigma_mm)
            if not empty and rng.random() < options.prompted_without_memory:
                memory = np.zeros_like(memory)
        memory = np.stack([memory, prompt], axis=-1)
    return Sample(
        segment.image.window(first, patch, fill=segment.padding).voxels[..., None],
        target,
        weights,
        tissues=tissues,
        memory=memory,
        numbers=np.array([fraction, whole, level], np.float32),
    )


def _prompt_mm(
    segment: LabelledSegment,
    place: int,
    settings: Settings[InstanceOptions],
    rng: np.random.Generator,
    landmarks: Landmarks | None,
) -> NDArray[np.float64] | None:
    """The position of a landmark prompt, RAS+ mm (3,), near the landmark; None for a sample without a prompt."""
    if rng.random() >= settings.options.prompted_fraction:
        return None
    return segment.landmark_mm(place, landmarks) + rng.normal(0.0, settings.options.prompt_jitter_mm, 3)
