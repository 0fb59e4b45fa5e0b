"""Two trained networks in one file: python -m learning_functions.training.joining FINDER.h5 DRAWER.h5 OUT.h5.

FINDER, of the task instances (graph unet), finds one vertebra after another; DRAWER, of vertebra_masks (graph unet),
draws each of those found where it is marked. Nothing is trained: the network of OUT answers as FINDER does without a
mark and as DRAWER does with one, and measure.py runs it like any other of instances.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.spec import Spec
from learning_functions.task import Settings, load_task, settings_from_card
from learning_functions.training.given_model import Start
from utility_functions.command_line import one_line

FINDS, DRAWS = "instances", "vertebra_masks"
ALIKE = ("filters", "levels")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m learning_functions.training.joining", description=__doc__)
    for name, told in (("finder", "of instances"), ("drawer", "of vertebra_masks"), ("out", "to be written")):
        parser.add_argument(name, type=Path, help=f"model (.h5), {told}")
    arguments = parser.parse_args(argv)
    from learning_functions.running.quiet_start import start_tensorflow

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

    Raises: ValueError, in one sentence, where they are of other tasks or forms, or see images differently.
    """
    from learning_functions.running.model_file import load_model, save_model
    from learning_functions.training.inputs import require_place

    require_place(out)
    models = {}
    for path, task in ((finder, FINDS), (drawer, DRAWS)):
        network, card = load_model(path)
        if card["task"] != task or settings_from_card(load_task(task), card).options.get("graph") != "unet":
            raise ValueError(f"A model of {task} is needed, with the graph unet. Received: {path}.")
        models[task] = network, card
    settings = paired_settings(models[FINDS][1], models[DRAWS][1])
    network = load_task(FINDS).network(settings)
    for task, (given, _) in models.items():
        for layer in given.layers:
            if weights := layer.get_weights():
                own = network.get_layer(_new_name(layer.name, task))
                own.set_weights(
                    [_placed(each, like, task) for each, like in zip(weights, own.get_weights(), strict=True)]
                )
    card = models[FINDS][1]
    told = {name: Start(path).to_card() for name, path in (("finder", finder), ("drawer", drawer))}
    training = {**card["training"], "drawer": models[DRAWS][1]["training"]}
    save_model(network, out, {**card, "settings": settings.to_json(), "training": training, "joined_from": told})


def paired_settings(finds: Mapping[str, Any], draws: Mapping[str, Any]) -> Settings:
    """The finder's settings, with what the drawer's card tells of marks. Raises: ValueError where they do not fit."""
    own = settings_from_card(load_task(FINDS), finds)
    other = settings_from_card(load_task(DRAWS), draws)
    differences = own.spec.differences(Spec.from_json(draws["spec"]))
    differences += [
        f"{name} {getattr(own, name)} and {getattr(other, name)}"
        for name in ALIKE
        if getattr(own, name) != getattr(other, name)
    ]
    if differences:
        raise ValueError(f"Both models must see and be built alike. Received: {'; '.join(differences)}.")
    pair = load_task(FINDS).PRESETS["pair"].options
    marks = {"mark_sigma_mm": other.options["sigma_mm"], "mark_offset_mm": other.options["offset_mm"]}
    taken = ("graph", "marked_share", "marked_alone", "mark_jitter_mm", "redrawn")
    return own.changed(options={**own.options, **{name: pair[name] for name in taken}, **marks})


def _new_name(name: str, task: str) -> str:
    """What a layer of one of the two is called in the network of both."""
    if task == FINDS:
        return "found" if name == "mask" else name
    return "drawn" if name == "mask" else f"drawn_{name}"


def _placed(given: NDArray[Any], like: NDArray[Any], task: str) -> NDArray[Any]:
    """Weights in the shape of the new ones: of the first kernel, 0 for the channel that the network did not see."""
    if given.shape == like.shape:
        return given
    *_, channels, _ = given.shape  # image.., and memory or mark
    return np.insert(given, channels if task == FINDS else channels - 1, 0.0, axis=-2)


if __name__ == "__main__":
    sys.exit(main())
