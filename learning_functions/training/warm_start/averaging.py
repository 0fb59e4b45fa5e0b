"""Average the weights of trained networks of the same form.

python -m learning_functions.training.warm_start.averaging MODEL.h5 OTHER.h5 [...] --output OUT.h5

Networks that were trained on from a common one, on other data or appearances, often lie in one basin of the loss: their
average then generalises better than each of them, and costs no more ("model soups", Wortsman et al., ICML 2022). OUT
keeps the card of the first model, with all of them named. What was tuned on a model, such as thresholds, stays the
first model's: estimate it anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from learning_functions.spec import Spec
from learning_functions.training.warm_start.initial_model import WarmStart
from utility_functions.command_line import one_line


def main(argv: Sequence[str] | None = None) -> int:
    program = "python -m learning_functions.training.warm_start.averaging"
    parser = argparse.ArgumentParser(prog=program, description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="models (.h5) of one task, two or more")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT", help="model to write (.h5)")
    arguments = parser.parse_args(argv)
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    try:
        average(arguments.models, arguments.output)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2
    sys.stdout.write(f"{arguments.output}\n")
    return 0


def average(paths: Sequence[Path], out: Path) -> None:
    """Write the model whose weights are the means of those at ``paths``, moving statistics included.

    Raises: ValueError, in one sentence, for fewer than two models, for models of different tasks, specifications or
    layers, and where one of them would be written over.
    """
    from learning_functions.model_files.model_file import load_model, save_model
    from learning_functions.model_files.output_place import require_place

    require_place(out)
    if len(paths) < 2:
        raise ValueError(f"Averaging needs two or more models. Received: {len(paths)}.")
    if out.resolve() in [path.resolve() for path in paths]:
        raise ValueError(f"The average would be written over one of the models. Received: {out}.")
    network, card = load_model(paths[0])
    names = [weight.path for weight in network.weights]
    sums = [weight.astype(np.float64) for weight in network.get_weights()]
    for path in paths[1:]:
        other, its = load_model(path)
        if its["task"] != card["task"] or Spec.from_json(its["spec"]) != Spec.from_json(card["spec"]):
            raise ValueError(f"Averaging needs models of one task and specification. Received: {paths[0]} and {path}.")
        weights = other.get_weights()
        alike = [weight.path for weight in other.weights] == names
        if not alike or [weight.shape for weight in weights] != [weight.shape for weight in sums]:
            raise ValueError(f"Averaging needs models of the same layers. Received: {paths[0]} and {path}.")
        sums = [total + weight for total, weight in zip(sums, weights, strict=True)]
    network.set_weights([(total / len(paths)).astype(np.float32) for total in sums])
    save_model(network, out, {**card, "averaged_from": [WarmStart(path).to_card() for path in paths]})


if __name__ == "__main__":
    sys.exit(main())
