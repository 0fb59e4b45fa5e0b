"""Fit the learnt options of a trained model again: python -m learning_functions.training.learnt_options.

A task fits some options once its network is trained, such as thresholds and statistics. Every training run ends with
this step. The command repeats it for a trained model, with its training and validation samples, and writes the
options to the model's card. The network does not change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_functions.samples.store.sample_store import SampleStore, check_same_task, open_store
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import Settings, Task, load_task
from utility_functions.command_line import one_line

if TYPE_CHECKING:
    import keras


def learnt_besides(
    task: Task[Any],
    network: keras.Model,
    settings: Settings[Any],
    training: SampleStore,
    validation: SampleStore,
) -> dict[str, Any]:
    """The options that the task fits to samples for a trained network, as JSON for the card; only those that change."""
    learnt, before = task.learnt(network, settings, training, validation).to_json(), settings.options.to_json()
    return {name: value for name, value in learnt.items() if value != before[name]}


def learn_again(model: Path, training: Path, validation: Path) -> dict[str, Any]:
    """Fit the options of a model to these samples, write them to its card, and return them.

    Raises: ValueError, in one sentence, where the samples have another task or specification.
    """
    from learning_functions.model_files.model_file import change_card, load_model

    network, card = load_model(model)
    stores = open_store(training), open_store(validation)
    check_same_task(*stores)
    if stores[0].task != card["task"]:
        raise ValueError(
            f"The model is for the task {card['task']}, the samples are for {stores[0].task}. Received: {training}."
        )
    task = load_task(card["task"])
    settings = settings_from_card(task, {**card, "learnt": {}})
    if differences := settings.spec.differences(stores[0].spec):
        raise ValueError(
            f"Model and samples have different specifications: {'; '.join(differences)}. Received: {training}."
        )
    learnt = learnt_besides(task, network, settings, *stores)
    change_card(model, {**card, "learnt": learnt})
    return learnt


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m learning_functions.training.learnt_options", description=__doc__)
    for name, text in (
        ("model", "model (.h5) whose card is updated"),
        ("training", "its training samples (.h5)"),
        ("validation", "its validation samples (.h5)"),
    ):
        parser.add_argument(name, type=Path, help=text)
    arguments = parser.parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    try:
        learnt = learn_again(arguments.model, arguments.training, arguments.validation)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2
    sys.stdout.write(f"{', '.join(learnt) or 'nothing'}: {arguments.model}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
