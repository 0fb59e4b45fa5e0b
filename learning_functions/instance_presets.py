"""The presets of the task instances: three as published, three that two CPU cores train; and who learnt both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from learning_functions.spec import AIR_HU, Spec
from learning_functions.task import Settings

PAIR = "pair"
"""Of ``graph``: two U-Nets, one of which finds and one draws."""

_PUBLISHED_CHANGES = {
    "flip": 0.0,
    "turn": 0.0,
    "elastic": 0.5,
    "intensity": 0.0,
    "noise": 0.5,
    "blur": 0.5,
    "crop": 0.5,
}
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
    options={
        "direction": "up",
        "empty_share": 0.2,
        "empty_at_end": 0.0,
        "first_share": 0.0,
        "balanced": False,
        "memory_drop": 0.0,
        "memory_wear": 0.0,
        "memory_slips": 0.0,
        "marked_share": 0.0,
        "marked_alone": 0.0,
        "mark_sigma_mm": 3.0,
        "mark_jitter_mm": 2.0,
        "graph": "fcn",
        "widening": False,
        "norm": "batch",
        "start_level": 0.0,
        "level_scale": 1.0,
        "loss": "sums",
        "false_positive_weight": (0.1, 0.1),
        "level_weight": 1.0,
        "counted": False,
        "threshold": 0.5,
        "other_thresholds": (),
        "changes": _PUBLISHED_CHANGES,
        "augment": "standard",
    },
)
_TOPDOWN = _PAPER.changed(
    preset="topdown",
    filters=16,
    options={
        **_PAPER.options,
        "direction": "down",
        "balanced": True,
        "memory_drop": 0.3,
        "widening": True,
        "false_positive_weight": (0.1, 1.0),
        "changes": {"flip": 0.5, "turn": 0.5, "elastic": 0.0, "contrast": 0.25, "brightness": 0.25, "blur": 0.5},
    },
)
_SPIDER = _PAPER.changed(
    preset="spider",
    spec=replace(
        _PAPER.spec, spacing_mm=(2.0, 0.6, 0.6), patch=(64, 192, 192), intensity="zscore", window=(AIR_HU, 32767.0)
    ),
    options={**_PAPER.options, "counted": True},
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
    options={
        **_TOPDOWN.options,
        "empty_at_end": 0.5,
        "first_share": 0.2,
        "memory_wear": 0.5,
        "graph": "unet",
        "start_level": 13.0,
        "level_scale": 7.0,
        "loss": "dice",
        "false_positive_weight": (0.3, 1.0),
        "level_weight": 0.2,
        "changes": {"crop": 0.5},
    },
)
_SHIPPED = _SMALL.changed(
    preset="shipped",
    epochs=8,
    options={
        **_SMALL.options,
        "memory_slips": 0.4,
        "threshold": 0.4,
        "other_thresholds": (0.5, 0.3),
        "augment": "synth",
        "changes": {"crop": 0.3},
    },
)
_PAIR = _SHIPPED.changed(
    preset="pair",
    options={
        **_SHIPPED.options,
        "graph": PAIR,
        "marked_share": 0.5,
        "marked_alone": 1.0,
        "redrawn": True,
        "mark_offset_mm": (0.0, -16.0, 0.0),
    },
)
"""Two networks in one: what was found by memory is drawn once more, by marks. Half of the samples that show a vertebra
teach the second one what it is asked: a patch that lies about the mark as it will, and nothing in memory."""
PRESETS: Mapping[str, Settings] = MappingProxyType(
    {"paper": _PAPER, "topdown": _TOPDOWN, "spider": _SPIDER, "small": _SMALL, "shipped": _SHIPPED, "pair": _PAIR}
)


def learnt_both_sides(settings: Settings) -> bool:
    """Whether a network learnt from mirror images as well and is asked about both; the published forms are not."""
    options = settings.options
    augmented = options.get("augment", "none") != "none" and dict(options.get("changes", {})).get("flip", 0.5) > 0
    return augmented and options.get("graph", "fcn") != "fcn"
