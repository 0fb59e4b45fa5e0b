"""The check that refuses a model whose configuration would run code or read files, before anything is built."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from utility_functions.files.broken_file import BrokenFile

RUNS_CODE = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Classes of Keras that run code, or load a program, of the model's author."""
READS_FILES = frozenset({"IndexLookup", "IntegerLookup", "StringLookup", "TextVectorization", "FeatureSpace"})
"""Classes of Keras that read a file named in their configuration."""
VALUES = frozenset(
    {"__tuple__", "__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__bytes__"}
    | {"TensorShape"}
)
"""No classes: the names by which Keras writes tuples, arrays and shapes."""
MOST_PARTS = 5_000
"""Layers, tensors between them, initialisers and so on; those of this package have up to 800."""
NETWORKS = ("Functional", "Model", "Sequential")


def refuse_code(config: Any, file_name: str) -> None:
    """Raise BrokenFile, with layer and class, unless ``config`` consists of networks of known layers alone.

    config: the ``model_config`` of a model file, as parsed JSON. Known are Keras's layers, operations, initialisers,
    regularisers, constraints and dtype policies, and the classes that this program registers with Keras.
    The check imports, calls and builds nothing that the configuration names.
    """
    if not isinstance(config, dict) or not isinstance(config.get("config"), (dict, list)):
        raise BrokenFile(f"{file_name} describes no network. Received: {str(config)[:80]!r}.")
    for number, (item, layer) in enumerate(_items(config, "")):
        if number > MOST_PARTS:
            raise BrokenFile(f"{file_name} is refused: its network has more than {MOST_PARTS} parts.")
        kind = item["class_name"]
        if not isinstance(kind, str):
            raise BrokenFile(f"{file_name} is refused: its layer {layer!r} has a class that is no name.")
        reason = _reason(kind, item)
        if reason:
            raise BrokenFile(f"{file_name} is refused: its layer {layer!r} is of the class {kind!r}, which {reason}.")
    if config.get("class_name") not in NETWORKS and not _registered(config):
        raise BrokenFile(f"{file_name} describes no network. Received: {config.get('class_name')!r}.")


def _items(value: Any, layer: str) -> Iterator[tuple[dict[str, Any], str]]:
    """All parts that name a class, each with the name of its layer, in the order of the configuration."""
    waiting = [(value, layer)]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, dict) and "class_name" in value:
            inner = value.get("config")
            own = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
            layer = str(own or layer)
            yield value, layer
        parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        waiting += [(part, layer) for part in reversed([*parts])]


def _reason(kind: str, item: dict[str, Any]) -> str:
    """Why a class is refused, or ""."""
    if kind in RUNS_CODE:
        return "runs code kept in the file"
    if kind in READS_FILES:
        return "reads files named in the file"
    if kind in VALUES or _registered(item):
        return ""
    module = item.get("module")
    if kind == "function":
        return "" if _is_activation(item) else f"asks for the function {item.get('config')!r}"
    if module is not None and str(module).split(".")[0] != "keras":
        return f"comes from {str(module)!r} and not from Keras"
    return "" if _is_known(kind, module) else "this program does not know"


def _registered(item: dict[str, Any]) -> bool:
    import keras

    names = [item.get("registered_name"), item.get("class_name")]
    return any(isinstance(name, str) and keras.saving.get_registered_object(name) is not None for name in names)


def _is_activation(item: dict[str, Any]) -> bool:
    """Whether a function is an activation; no others are allowed."""
    import keras

    module, name = item.get("module"), item.get("config")
    places = ("builtins", "keras.activations", "keras.src.activations.activations")
    return module in places and isinstance(name, str) and callable(getattr(keras.activations, name, None))


def _is_known(kind: str, module: Any) -> bool:
    """Whether Keras has a class of that name in that (loaded) module, of a kind that networks consist of."""
    import keras

    if module is None:  # as Keras 1 and 2 wrote layers and their parts
        places = [keras.layers, keras.models, keras.initializers, keras.regularizers, keras.constraints]
        places += [keras.dtype_policies]
        return kind == "Functional" or any(_is_part(getattr(place, kind, None)) for place in places)
    if kind in NETWORKS:
        return True
    place: Any = sys.modules.get(str(module))
    if place is None:  # a public name such as "keras.layers" need not be a loaded module
        place = keras
        for step in str(module).split(".")[1:]:
            place = getattr(place, step, None)
    return _is_part(getattr(place, kind, None))


def _is_part(thing: Any) -> bool:
    import keras

    parts = (
        keras.Operation,  # layers and networks are operations
        keras.Initializer,
        keras.Regularizer,
        keras.constraints.Constraint,
        keras.dtype_policies.DTypePolicy,
        keras.optimizers.Optimizer,  # of checkpoints
        keras.optimizers.schedules.LearningRateSchedule,
        keras.losses.Loss,
        keras.metrics.Metric,
    )
    return isinstance(thing, type) and issubclass(thing, parts) and thing.__name__ not in RUNS_CODE | READS_FILES
