"""The assumed card of a model file without one, which the published code saved under Keras 1 or 2."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from learning_functions.spec import Spec
from utility_functions.anatomy.labels import LEVELS
from utility_functions.files.broken_file import BrokenFile

if TYPE_CHECKING:
    import keras

ORIENTATION = "LPS"
"""The published code ignores the directions of the stored axes; CT is stored in the order of DICOM: L, P, S."""
DETECTION_PATCH = (64, 64, 80)
IDENTIFICATION_PATCH = (80, 320)

_log = logging.getLogger(__name__)


def assumed_card(network: keras.Model, file_name: str, keras_version: str) -> dict[str, Any]:
    """The card that fits the published networks; a warning states the assumptions.

    A five-dimensional softmax output of two classes is detection. A four-dimensional output of one channel is
    identification. Raises: BrokenFile for any other network.
    """
    task, spec = _task_and_spec(network, file_name)
    _log.warning(
        "%s was saved by Keras %s and has no card: taken for %s at %g mm in %s orientation, patch %s, zero mean and "
        "unit variance, as McCouat & Glocker (2019) published it.",
        *(file_name, keras_version, task, spec.spacing_mm[0], spec.axcodes, "x".join(map(str, spec.patch))),
    )
    return {
        "format": 1,
        "task": task,
        "spec": spec.to_json(),
        "settings": {"preset": "paper"},
        "training": {},
        "versions": {"keras": keras_version},
        "created_by": f"Keras {keras_version}, without a card",
    }


def with_single_input(network: keras.Model) -> keras.Model:
    """The same network with one input instead of a list, as Keras 1 and 2 stored it; Keras 3 warns of the list."""
    import keras

    if isinstance(network, keras.Sequential) or len(network.inputs) != 1 or len(network.outputs) != 1:
        return network
    return keras.Model(network.inputs[0], network.outputs[0], name=network.name)


def _task_and_spec(network: keras.Model, file_name: str) -> tuple[str, Spec]:
    seen, given = network.input_shape, network.output_shape
    labels: tuple[str, ...]
    single = len(network.inputs) == 1 and len(network.outputs) == 1
    if single and len(seen) == len(given) == 5 and seen[-1] == 1 and given[-1] == 2 and _ends_in_softmax(network):
        task, labels = "detection", ("background", "vertebra")
        patch = _fixed_or(seen[1:-1], DETECTION_PATCH)
    elif single and len(seen) == len(given) == 4 and given[-1] == 1:
        task, labels = "identification", LEVELS
        patch = (seen[-1], *_fixed_or(seen[1:-1], IDENTIFICATION_PATCH))
    else:
        raise BrokenFile(
            f"{file_name} has no card, and its network is neither the published detection (two classes per voxel, by "
            f"softmax) nor the published identification (one number per pixel). Received: {seen} -> {given}."
        )
    spec = Spec(
        spacing_mm=(1.0, 1.0, 1.0),
        axcodes=ORIENTATION,
        patch=(patch[0], patch[1], patch[2]),
        channels=seen[-1],
        labels=labels,
        intensity="zscore",
        window=(-32768.0, 32767.0),
    )
    return task, spec


def _fixed_or(shape: tuple[int | None, ...], published: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size or usual for size, usual in zip(shape, published, strict=True))


def _ends_in_softmax(network: keras.Model) -> bool:
    last = network.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", type(last).__name__)
    return activation.lower() == "softmax"
