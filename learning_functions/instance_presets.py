"""The presets of the task instances: three as published, and three small enough for training on two CPU cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from learning_functions.spec import AIR_HU, Spec
from learning_functions.task import Settings
from learning_functions.task_options.common_options import Changes
from learning_functions.task_options.instance_options import InstanceOptions

TWO_BRANCH: Final = "pair"
"""The value of the option ``graph`` for two U-Nets in one model: one for the traversal, one for the second pass."""

_PAPER = Settings(
    preset="paper",
    spec=Spec(
        spacing_mm=(1.0, 1.0, 1.0),
        axcodes="RAS",
        patch=(128, 128, 128),
        channels=1,
        labels=("vertebra",),
        intensity="window",
        window=(AIR_HU, 3071.0),
    ),
    samples_per_scan=20,
    filters=64,
    levels=4,
    momentum=0.99,
    batch=1,
    epochs=50,
    learning_rate=1e-3,
    options=InstanceOptions(),
)
_TOPDOWN = _PAPER.changed(
    preset="topdown",
    filters=16,
    options=replace(
        _PAPER.options,
        direction="down",
        balanced=True,
        memory_dropout=0.3,
        widening=True,
        false_positive_weight=(0.1, 1.0),
        changes=Changes(flip=0.5, turn=0.5, elastic=0.0, contrast=0.25, brightness=0.25, blur=0.5),
    ),
)
_SPIDER = _PAPER.changed(
    preset="spider",
    spec=replace(
        _PAPER.spec, spacing_mm=(2.0, 0.6, 0.6), patch=(64, 192, 192), intensity="zscore", window=(AIR_HU, 32767.0)
    ),
    options=replace(_PAPER.options, counted=True),
)
_SMALL = _TOPDOWN.changed(
    preset="small",
    spec=replace(_PAPER.spec, spacing_mm=(2.0, 2.0, 2.0), patch=(56, 56, 48), window=(-200.0, 1000.0)),
    samples_per_scan=8,
    filters=8,
    momentum=0.9,
    batch=4,
    epochs=6,
    learning_rate=1e-3,
    schedule="cosine",
    options=replace(
        _TOPDOWN.options,
        empty_at_end=0.5,
        first_fraction=0.2,
        memory_roughness=0.5,
        graph="unet",
        mirrored_inference=True,
        start_level=13.0,
        level_scale=7.0,
        loss="dice",
        false_positive_weight=(0.3, 1.0),
        level_weight=0.2,
        changes=Changes(crop=0.5),
    ),
)
_SHIPPED = _SMALL.changed(
    preset="shipped",
    epochs=8,
    options=replace(
        _SMALL.options,
        memory_corruption=0.4,
        threshold=0.4,
        other_thresholds=(0.5, 0.3),
        least_agreement=0.85,  # correct traversals of phantoms mostly have a higher Dice, shifted ones a lower one
        augment="synth",
        changes=Changes(crop=0.3),
    ),
)
_TWO_BRANCH = _SHIPPED.changed(
    preset="pair",
    options=replace(
        _SHIPPED.options,
        graph=TWO_BRANCH,
        prompted_fraction=0.5,
        prompted_without_memory=1.0,
        second_pass=True,
        prompt_offset_mm=(0.0, -16.0, 0.0),
    ),
)
"""Two networks in one: the second one segments each vertebra again by its landmark prompt. Half of the samples that
show a vertebra train it: the patch lies as in the second pass, and memory is empty."""
PRESETS: Mapping[str, Settings[InstanceOptions]] = MappingProxyType(
    {"paper": _PAPER, "topdown": _TOPDOWN, "spider": _SPIDER, "small": _SMALL, "shipped": _SHIPPED, "pair": _TWO_BRANCH}
)
