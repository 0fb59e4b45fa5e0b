"""Instances: the iterative segmenter. It finds the next vertebra, whether it is complete, and its level.

The network takes the image and a memory of the vertebrae found so far. Lessmann et al. 2019, "Iterative fully
convolutional neural networks for automatic vertebra segmentation and identification" (preset `paper`); Serrador et al.
2024, from the top down (`topdown`); SPIDER's form for MR (`spider`).
"""

from __future__ import annotations

import math
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_functions.instance_presets import PRESETS, TWO_BRANCH
from learning_functions.io_signature import IOSignature
from learning_functions.samples.cut.labelled_segments import DIRECTIONS, MOST_EXTRA_WEIGHT, STEPS, labelled_segments
from learning_functions.samples.cut.next_vertebra import next_vertebra_sample
from learning_functions.task import Objective, Sample, Settings, Task
from learning_functions.task_options.instance_options import InstanceOptions
from utility_functions.files.cases import Scan
from utility_functions.records.findings import StageFindings

if TYPE_CHECKING:
    import keras

    from learning_functions.inference.scan_view import ScanView
    from learning_functions.samples.augment.augmentation import Augmentation

COMPLETE_FRACTION = 0.98
"""A vertebra is complete from this fraction in the patch on."""


class InstanceTask(Task[InstanceOptions]):
    """One vertebra after another, from the image and a memory of those found so far."""

    name = "instances"
    options_type = InstanceOptions
    presets = PRESETS
    uses = ("detection", "landmarks", "heatmap", "structures", "numbered")
    gives = ("instances", "landmarks")
    may_give = ("numbered",)
    """In place of the others where vertebrae are counted and not named (option ``counted``)."""
    numbers = ("share_seen", "whole", "level")
    """The fraction of the vertebra in the patch, whether the scan shows all of it (1 or 0), its level (0: unknown)."""
    choices = MappingProxyType({"direction": DIRECTIONS})
    begins_as = MappingProxyType({TWO_BRANCH: "unet"})
    """Both branches of the two-branch model can start from the one of a U-Net."""

    def samples(self, scan: Scan, settings: Settings[InstanceOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round random voxels of vertebrae, with the vertebrae traversed so far as memory.

        Inputs (*patch, 1) intensities; memory (*patch) 1 in traversed vertebrae; targets (*patch) 1 in the next
        vertebra; weights (*patch) nearness of its border in 255 steps; numbers as ``numbers``. Patches may reach out of
        the field of view. The options change these fractions of the samples:

        empty_fraction: every vertebra is in memory and the target is empty; ``empty_at_end`` of these lie at the last
            vertebra of the traversal.
        first_fraction: beside random ones, the sample shows the first vertebra of the traversal, with an empty memory.
        memory_dropout: memory holds the neighbour alone.
        memory_roughness: memory has borders as rough as predicted masks.
        memory_corruption: memory lacks a part of the previous vertebra, or holds a part of the target.

        With ``balanced``, every vertebra of the scan is sampled equally often, up to one.

        With a ``prompted_fraction`` above 0, memory is (*patch, 2). Its second channel is a landmark prompt at the
        vertebra, as in the task vertebra_masks, moved by N(0, ``prompt_jitter_mm``) along each axis; it is 0 in all
        other samples. Of the prompted samples that are not empty, ``prompted_without_memory`` have an empty memory: a
        true memory holds all that a prompt does, and a network that always has both learns to ignore the prompt. With
        ``prompt_offset_mm``, prompted samples are cut as in the second pass: the patch's centre lies at this distance
        from the prompt. Empty samples then have no prompt, and ``prompted_fraction`` is that of all others.
        """
        options, count = settings.options, settings.samples_per_scan
        found = labelled_segments(scan, settings.spec)
        all_of_them = [(segment, place + 1) for segment in found for place in range(len(segment.vertebrae))]
        rounds = [rng.permutation(len(all_of_them)) for _ in range(-(-count // len(all_of_them)))]
        chosen = np.concatenate(rounds)[:count] if options.balanced else rng.integers(len(all_of_them), size=count)
        shift = rng.random()  # so that the fraction of empty samples also holds over scans of few samples
        until = np.floor(options.empty_fraction * np.arange(count + 1) + shift)
        samples = []
        for number, empty in zip(chosen, np.diff(until) > 0, strict=True):
            segment, place = all_of_them[number]
            if empty and rng.random() < options.empty_at_end:
                place = 1 if options.direction == "up" else len(segment.vertebrae)
            elif not empty and rng.random() < options.first_fraction:
                place = len(segment.vertebrae) if options.direction == "up" else 1
            samples.append(next_vertebra_sample(segment, place, bool(empty), settings, rng, scan.landmarks))
        return samples

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[InstanceOptions]) -> tuple[Any, Any]:
        """Targets by output: mask (b, *patch, 2), its second channel the loss's weights; complete and level (b, 1).

        Where the target is empty, complete is -1 and level 0: the loss ignores both. A vertebra is complete when the
        patch shows 98 % of it and the scan all of it.
        """
        from keras import ops

        mask = ops.cast(y, "float32")
        weights = 1.0 + ops.cast(w, "float32") * (MOST_EXTRA_WEIGHT / STEPS)
        there = ops.max(ops.reshape(mask, (ops.shape(mask)[0], -1)), axis=1, keepdims=True) > 0
        fraction, whole, level = numbers[:, 0:1], numbers[:, 1:2], numbers[:, 2:3]
        complete = ops.cast(ops.logical_and(fraction >= COMPLETE_FRACTION, whole > 0), "float32")
        targets = {
            "mask": ops.stack([mask, weights], axis=-1),
            "complete": ops.where(there, complete, -1.0),
            "level": ops.where(there, level, 0.0),
        }
        return targets, None

    def network(self, settings: Settings[InstanceOptions]) -> keras.Model:
        from keras_models.instance_fcn import instance_fcn
        from keras_models.outline_unet import next_vertebra_unet

        spec, options = settings.spec, settings.options
        if options.graph != "fcn":
            return next_vertebra_unet(
                spec.patch,
                spec.channels,
                settings.filters,
                settings.levels,
                settings.momentum,
                options.start_level,
                options.level_scale,
                options.sees_prompts,
                options.graph == TWO_BRANCH,
            )
        return instance_fcn(
            settings.spec.patch,
            settings.spec.channels,
            settings.filters,
            settings.levels,
            options.widening,
            options.norm,
            settings.momentum,
            options.start_level,
            options.level_scale,
            options.sees_prompts,
        )

    def io_signature(self, settings: Settings[InstanceOptions]) -> IOSignature:
        return IOSignature(
            {"mask": (5, 1), "complete": (2, 1), "level": (2, 1)}, memory=1 + settings.options.sees_prompts
        )

    def objective(self, settings: Settings[InstanceOptions]) -> Objective:
        """The published loss, or (``loss`` "dice") the same weighted errors as a mean, with soft Dice.

        Where the weight of false positives changes over the epochs, losses of two epochs cannot be compared. The best
        epoch is then that of the highest Dice.
        """
        from losses_and_metrics import iterative_loss as judged

        options = settings.options
        first, last = options.false_positive_weight
        mask = judged.InstanceLoss(first, last, options.loss)
        weight = [judged.LossWeight(mask.false_positive_weight, "false_positive_weight")] if first != last else []
        return Objective(
            loss={
                "mask": mask,
                "complete": judged.CompletenessCrossentropy(),
                "level": judged.LevelError(options.level_weight),
            },
            metrics={
                "mask": [judged.MaskDice(), *weight],
                "complete": [judged.CompletenessAccuracy()],
                "level": [judged.LevelDistance()],
            },
            watched="val_loss" if first == last else "val_mask_dice",
            highest_is_best=first != last,
        )

    def augmentation(self, settings: Settings[InstanceOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(
            spacing_mm=settings.spec.spacing_mm, fraction_number=0, flip_axis=0, **asdict(settings.options.changes)
        )

    def largest_pass(self, settings: Settings[InstanceOptions], shape: tuple[int, int, int]) -> float:
        return 2.0 * math.prod(settings.spec.patch)  # with its mirror image

    def predict(self, network: keras.Model, settings: Settings[InstanceOptions], view: ScanView) -> StageFindings:
        """``instances`` and ``landmarks``, vertebra by vertebra, in place of those of an earlier model.

        The option ``counted`` gives ``numbered`` instead, as SPIDER does, with the discs and canal that a model of MR
        found. The option ``refine_mm`` predicts the masks again at that spacing.
        """
        from learning_functions.inference.iterative.finer_masks import refined
        from learning_functions.inference.iterative.iterative_segmenter import segmented

        found = segmented(network, settings, view)
        return refined(network, settings, view, found) if settings.options.refine_mm else found


TASK = InstanceTask()
