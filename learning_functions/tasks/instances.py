"""Instances: the next vertebra, whether all of it is seen, and its level, from the image and those found before.

Lessmann et al. 2019, "Iterative fully convolutional neural networks for automatic vertebra segmentation and
identification" (preset `paper`); Serrador et al. 2024, from the top down (`topdown`); SPIDER's form for MR (`spider`).
"""

from __future__ import annotations

from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_functions.instance_presets import PAIR, PRESETS
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

COMPLETE_SHARE = 0.98


class InstanceTask(Task[InstanceOptions]):
    """One vertebra after another, by the image and those found before."""

    name = "instances"
    options_type = InstanceOptions
    presets = PRESETS
    uses = ("detection", "landmarks", "heatmap", "structures", "numbered")
    gives = ("instances", "landmarks")
    may_give = ("numbered",)
    """In place of the others where vertebrae are counted and not named (option ``counted``)."""
    numbers = ("share_seen", "whole", "level")
    """How much of the vertebra the patch shows, whether the scan shows all of it (1 or 0), its level (0: unknown)."""
    choices = MappingProxyType({"direction": DIRECTIONS})
    begins_as = MappingProxyType({PAIR: "unet"})
    """What finds and draws can begin as what finds, with both of its halves."""

    def samples(self, scan: Scan, settings: Settings[InstanceOptions], rng: np.random.Generator) -> list[Sample]:
        """Patches round random voxels of vertebrae, with what the traversal has passed as memory.

        Inputs (*patch, 1) intensities; memory (*patch) 1 in vertebrae passed; targets (*patch) 1 in the vertebra that
        comes next; weights (*patch) nearness of its border in 255 steps; numbers as ``numbers``. A share
        ``empty_fraction`` of samples has every vertebra in memory and an empty target; ``empty_at_end`` of them lie at the
        vertebra passed last. Patches reach beyond the scan as they come; none is moved. With ``balanced``, each
        vertebra of the scan is taken as often as any other, up to one. A share ``first_fraction`` of samples, beside those
        by chance, shows the vertebra that a traversal comes to first, with nothing in memory: each spine has one, and
        all others hang on it. ``memory_dropout`` of samples remember the neighbour alone, the memory of ``memory_roughness`` of
        them is as rough as a network's masks, and that of ``memory_corruption`` lacks a part of the vertebra passed last, or
        holds a part of the target.

        With a ``prompted_fraction`` above 0 memory is (*patch, 2), its second channel a mark at the landmark of the
        vertebra, as in the task vertebra_masks and moved by N(0, ``prompt_jitter_mm``) along each axis, or 0 in all other
        samples. Of those that are marked and not empty, ``prompted_without_memory`` remember nothing: memory from the truth tells
        all that a mark does, and a network that always has both learns to look at memory alone. With
        ``prompt_offset_mm``, marked samples are cut as vertebrae are drawn once more: the middle of the patch lies so far
        from the mark. Empty ones then have no mark, and ``prompted_fraction`` is that of all others.
        """
        options, count = settings.options, settings.samples_per_scan
        found = labelled_segments(scan, settings.spec)
        all_of_them = [(segment, place + 1) for segment in found for place in range(len(segment.vertebrae))]
        rounds = [rng.permutation(len(all_of_them)) for _ in range(-(-count // len(all_of_them)))]
        chosen = np.concatenate(rounds)[:count] if options.balanced else rng.integers(len(all_of_them), size=count)
        shift = rng.random()  # so that scans of few samples have their share of empty ones between them
        until = np.floor(options.empty_fraction * np.arange(count + 1) + shift)
        drawn = []
        for number, empty in zip(chosen, np.diff(until) > 0, strict=True):
            segment, place = all_of_them[number]
            if empty and rng.random() < options.empty_at_end:
                place = 1 if options.direction == "up" else len(segment.vertebrae)
            elif not empty and rng.random() < options.first_fraction:
                place = len(segment.vertebrae) if options.direction == "up" else 1
            drawn.append(next_vertebra_sample(segment, place, bool(empty), settings, rng, scan.landmarks))
        return drawn

    def arrange(self, y: Any, w: Any, numbers: Any, settings: Settings[InstanceOptions]) -> tuple[Any, Any]:
        """Targets by output: mask (b, *patch, 2), its second channel the loss's weights; complete and level (b, 1).

        Where no vertebra is to be found, complete is -1 and level 0: neither is judged. A vertebra is complete when the
        patch shows 98 % of it and the scan all of it.
        """
        from keras import ops

        mask = ops.cast(y, "float32")
        weights = 1.0 + ops.cast(w, "float32") * (MOST_EXTRA_WEIGHT / STEPS)
        there = ops.max(ops.reshape(mask, (ops.shape(mask)[0], -1)), axis=1, keepdims=True) > 0
        share, whole, level = numbers[:, 0:1], numbers[:, 1:2], numbers[:, 2:3]
        complete = ops.cast(ops.logical_and(share >= COMPLETE_SHARE, whole > 0), "float32")
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
                options.graph == PAIR,
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

        Where the weight of false positives changes over the epochs, losses of two epochs are not alike, and the best
        epoch is that of the highest Dice.
        """
        from losses_and_metrics import iterative_loss as judged

        options = settings.options
        first, last = options.false_positive_weight
        return Objective(
            loss={
                "mask": judged.InstanceLoss(first, last, options.loss),
                "complete": judged.CompletenessCrossentropy(),
                "level": judged.LevelError(options.level_weight),
            },
            metrics={
                "mask": [judged.MaskDice()],
                "complete": [judged.CompletenessAccuracy()],
                "level": [judged.LevelDistance()],
            },
            watched="val_loss" if first == last else "val_mask_dice",
            highest_is_best=first != last,
        )

    def augmentation(self, settings: Settings[InstanceOptions]) -> Augmentation:
        from learning_functions.samples.augment.augmentation import Augmentation

        return Augmentation(
            spacing_mm=settings.spec.spacing_mm, share_number=0, flip_axis=0, **asdict(settings.options.changes)
        )

    def predict(self, network: keras.Model, settings: Settings[InstanceOptions], view: ScanView) -> StageFindings:
        """``instances`` and ``landmarks``, in place of those of an earlier model, vertebra by vertebra.

        With the option ``counted``, as SPIDER has it, ``numbered`` instead, with the discs and canal that a model of MR
        found. With the option ``refine_mm`` masks are drawn anew at that spacing.
        """
        from learning_functions.inference.iterative.finer_masks import refined
        from learning_functions.inference.iterative.iterative_segmenter import segmented

        found = segmented(network, settings, view)
        return refined(network, settings, view, found) if settings.options.refine_mm else found


TASK = InstanceTask()
