"""Learns anew what a model's card holds besides its network: python -m learning_functions.training.learnt_options.

Each training ends with it (`learnt_besides`). Called for a model that was trained before, with the samples it learnt
from and those it was validated on, it writes the model's card again: thresholds, statistics and whatever else its task
learns once the network is trained. The network stays as it is.
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
    """The options that the task learns of samples for a trained network, as a card keeps them; none that stay."""
    learnt, before = task.learnt(network, settings, training, validation).to_json(), settings.options.to_json()
    return {name: value for name, value in learnt.items() if value != before[name]}


def learn_again(model: Path, training: Path, validation: Path) -> dict[str, Any]:
    """Writes to the model's card what is learnt besides of these samples, and gives it.

    Raises: ValueError, in one sentence, where the samples are of another task or seen otherwise.
    """
    from learning_functions.model_files.model_file import change_card, load_model

    network, card = load_model(model)
    stores = open_store(training), open_store(validation)
    check_same_task(*stores)
    if stores[0].task != card["task"]:
        raise ValueError(f"The model is of {card['task']}, the samples of {stores[0].task}. Received: {training}.")
    task = load_task(card["task"])
    settings = settings_from_card(task, {**card, "learnt": {}})
    if differences := settings.spec.differences(stores[0].spec):
        raise ValueError(f"The model sees otherwise than the samples: {'; '.join(differences)}. Received: {training}.")
    learnt = learnt_besides(task, network, settings, *stores)
    change_card(model, {**card, "learnt": learnt})
    return learnt


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m learning_functions.training.learnt_options", description=__doc__)
    for name, told in (
        ("model", "model (.h5) whose card is written again"),
        ("training", "samples it learnt from (.h5)"),
        ("validation", "samples it was validated on (.h5)"),
    ):
        parser.add_argument(name, type=Path, help=told)
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
