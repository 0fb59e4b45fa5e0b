"""Merge two trained networks into one two-branch model.

python -m learning_functions.training.warm_start.merging SEGMENTER.h5 PROMPTED.h5 OUT.h5

SEGMENTER is an iterative segmenter (task instances, graph unet). PROMPTED is a landmark-prompted segmenter (task
vertebra_masks, graph unet), which segments each vertebra again in the second pass. Nothing is trained: without a
landmark prompt OUT predicts as SEGMENTER does, and with one as PROMPTED does. measure.py runs it like any other model
of instances. SEGMENTER may be a two-branch model; then PROMPTED replaces its landmark-prompted branch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from learning_functions.instance_presets import PRESETS, TWO_BRANCH
from learning_functions.spec import Spec
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import Settings, load_task
from learning_functions.task_options.instance_options import InstanceOptions
from learning_functions.task_options.mask_options import MaskOptions
from learning_functions.training.warm_start.initial_model import WarmStart
from learning_functions.training.warm_start.two_branch import (
    PROMPTED_BRANCH,
    PROMPTED_TASK,
    SEGMENTER_BRANCH,
    SEGMENTER_TASK,
    set_branch_weights,
)
from utility_functions.command_line import one_line

ALIKE = ("filters", "levels")


def main(argv: Sequence[str] | None = None) -> int:
    program = "python -m learning_functions.training.warm_start.merging"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    for name, text in (("segmenter", "of instances"), ("prompted", "of vertebra_masks"), ("out", "to be written")):
        parser.add_argument(name, type=Path, help=f"model (.h5), {text}")
    arguments = parser.parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    try:
        merge(arguments.segmenter, arguments.prompted, arguments.out)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2
    sys.stdout.write(f"{arguments.out}\n")
    return 0


def merge(segmenter: Path, prompted: Path, out: Path) -> None:
    """Write the two-branch model of an iterative and a landmark-prompted segmenter; its card names both.

    Raises: ValueError, in one sentence, where their tasks, graphs or specifications do not fit, or where one of them
    would be written over.
    """
    from learning_functions.model_files.model_file import load_model, save_model
    from learning_functions.model_files.output_place import require_place

    require_place(out)
    if out.resolve() in (segmenter.resolve(), prompted.resolve()):
        raise ValueError(f"The merged model would be written over one of the two. Received: {out}.")
    models = {}
    for path, task in ((segmenter, SEGMENTER_TASK), (prompted, PROMPTED_TASK)):
        network, card = load_model(path)
        graphs = ("unet", TWO_BRANCH) if task == SEGMENTER_TASK else ("unet",)
        if card["task"] != task or settings_from_card(load_task(task), card).options.graph not in graphs:
            raise ValueError(f"Merging needs a model of {task} with the graph {' or '.join(graphs)}. Received: {path}.")
        models[task] = network, card
    settings = merged_settings(models[SEGMENTER_TASK][1], models[PROMPTED_TASK][1])
    network = load_task(SEGMENTER_TASK).network(settings)
    set_branch_weights(
        network, SEGMENTER_BRANCH, models[SEGMENTER_TASK][0]
    )  # of a pair both halves; what it drew with is overwritten
    set_branch_weights(network, PROMPTED_BRANCH, models[PROMPTED_TASK][0], prompted=True)
    card = models[SEGMENTER_TASK][1]
    sources = {name: WarmStart(path).to_card() for name, path in (("finder", segmenter), ("drawer", prompted))}
    sources["finder"] = card.get("joined_from", sources)["finder"]
    training = {**card["training"], "drawer": models[PROMPTED_TASK][1]["training"]}
    save_model(network, out, {**card, "settings": settings.to_json(), "training": training, "joined_from": sources})


def merged_settings(segmenter: Mapping[str, Any], prompted: Mapping[str, Any]) -> Settings[InstanceOptions]:
    """The settings of a two-branch model: the segmenter's, with the landmark prompt of the prompted one.

    segmenter, prompted: their cards.
    Raises: ValueError where they do not fit, and where only one of them predicts mirror images.
    """
    own: Settings[InstanceOptions] = settings_from_card(load_task(SEGMENTER_TASK), segmenter)
    other: Settings[MaskOptions] = settings_from_card(load_task(PROMPTED_TASK), prompted)
    differences = own.spec.differences(Spec.from_json(prompted["spec"]))
    differences += [
        f"{name} {getattr(own, name)} and {getattr(other, name)}"
        for name in ALIKE
        if getattr(own, name) != getattr(other, name)
    ]
    mirrored = own.options.mirrored_inference, other.options.mirrored_inference
    if mirrored[0] != mirrored[1]:
        differences.append(f"mirrored_inference {mirrored[0]} and {mirrored[1]}")
    if differences:
        raise ValueError(f"Both models need the same specification and size. Received: {'; '.join(differences)}.")
    counted, refine_mm = own.options.counted, own.options.refine_mm
    if others := [f"{name} {value}" for name, value in (("counted", counted), ("refine_mm", refine_mm)) if value]:
        raise ValueError(f"A segmenter that counts or refines its masks is not merged. Received: {', '.join(others)}.")
    pair = PRESETS[TWO_BRANCH]
    merged = own.with_options(
        graph=pair.options.graph,
        prompted_fraction=pair.options.prompted_fraction,
        prompted_without_memory=pair.options.prompted_without_memory,
        prompt_jitter_mm=pair.options.prompt_jitter_mm,
        second_pass=pair.options.second_pass,
        prompt_sigma_mm=other.options.sigma_mm,
        prompt_offset_mm=other.options.offset_mm,
    )
    return merged.changed(preset=pair.preset)


if __name__ == "__main__":
    sys.exit(main())
