"""Two trained networks in one file.

python -m learning_functions.training.warm_start.merging FINDER.h5 DRAWER.h5 OUT.h5

FINDER, of the task instances (graph unet), finds one vertebra after another; DRAWER, of vertebra_masks (graph unet),
draws each of those found where it is marked. Nothing is trained: the network of OUT answers as FINDER does without a
mark and as DRAWER does with one, and measure.py runs it like any other of instances. FINDER may hold two already, then
DRAWER takes the place of the one that drew.
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
from learning_functions.training.warm_start.two_branch import DRAWN, DRAWS, FINDS, FOUND, give
from utility_functions.command_line import one_line

ALIKE = ("filters", "levels")


def main(argv: Sequence[str] | None = None) -> int:
    program = "python -m learning_functions.training.warm_start.merging"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    for name, told in (("finder", "of instances"), ("drawer", "of vertebra_masks"), ("out", "to be written")):
        parser.add_argument(name, type=Path, help=f"model (.h5), {told}")
    arguments = parser.parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    try:
        join(arguments.finder, arguments.drawer, arguments.out)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2
    sys.stdout.write(f"{arguments.out}\n")
    return 0


def join(finder: Path, drawer: Path, out: Path) -> None:
    """Write the network that finds as one model does and draws as the other; its card names both.

    Raises: ValueError, in one sentence, where they are of other tasks or forms, or see images differently, and where
    one of them would be written over.
    """
    from learning_functions.model_files.model_file import load_model, save_model
    from learning_functions.model_files.output_place import require_place

    require_place(out)
    if out.resolve() in (finder.resolve(), drawer.resolve()):
        raise ValueError(f"The network of both would be written over one of the two. Received: {out}.")
    models = {}
    for path, task in ((finder, FINDS), (drawer, DRAWS)):
        network, card = load_model(path)
        graphs = ("unet", TWO_BRANCH) if task == FINDS else ("unet",)
        if card["task"] != task or settings_from_card(load_task(task), card).options.graph not in graphs:
            raise ValueError(f"A model of {task} is needed, with the graph {' or '.join(graphs)}. Received: {path}.")
        models[task] = network, card
    settings = paired_settings(models[FINDS][1], models[DRAWS][1])
    network = load_task(FINDS).network(settings)
    give(network, FOUND, models[FINDS][0])  # of a pair both halves; what it drew with is overwritten
    give(network, DRAWN, models[DRAWS][0], prompted=True)
    card = models[FINDS][1]
    told = {name: WarmStart(path).to_card() for name, path in (("finder", finder), ("drawer", drawer))}
    told["finder"] = card.get("joined_from", told)["finder"]
    training = {**card["training"], "drawer": models[DRAWS][1]["training"]}
    save_model(network, out, {**card, "settings": settings.to_json(), "training": training, "joined_from": told})


def paired_settings(finds: Mapping[str, Any], draws: Mapping[str, Any]) -> Settings[InstanceOptions]:
    """The finder's settings as those of a pair, with what the drawer's card tells of marks.

    Raises: ValueError where they do not fit, and where only one is to be asked about mirror images.
    """
    own: Settings[InstanceOptions] = settings_from_card(load_task(FINDS), finds)
    other: Settings[MaskOptions] = settings_from_card(load_task(DRAWS), draws)
    differences = own.spec.differences(Spec.from_json(draws["spec"]))
    differences += [
        f"{name} {getattr(own, name)} and {getattr(other, name)}"
        for name in ALIKE
        if getattr(own, name) != getattr(other, name)
    ]
    mirrored = own.options.mirrored_inference, other.options.mirrored_inference
    if mirrored[0] != mirrored[1]:
        differences.append(f"mirrored_inference {mirrored[0]} and {mirrored[1]}")
    if differences:
        raise ValueError(f"Both models must see and be built alike. Received: {'; '.join(differences)}.")
    counted, refine_mm = own.options.counted, own.options.refine_mm
    if others := [f"{name} {told}" for name, told in (("counted", counted), ("refine_mm", refine_mm)) if told]:
        raise ValueError(f"A finder that counts, or refines its masks, is not joined. Received: {', '.join(others)}.")
    pair = PRESETS[TWO_BRANCH]
    joined = own.with_options(
        graph=pair.options.graph,
        prompted_fraction=pair.options.prompted_fraction,
        prompted_without_memory=pair.options.prompted_without_memory,
        prompt_jitter_mm=pair.options.prompt_jitter_mm,
        second_pass=pair.options.second_pass,
        prompt_sigma_mm=other.options.sigma_mm,
        prompt_offset_mm=other.options.offset_mm,
    )
    return joined.changed(preset=pair.preset)


if __name__ == "__main__":
    sys.exit(main())
