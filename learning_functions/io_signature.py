"""The I/O signature of a task's network: its input and outputs. Every network is checked by it before use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_functions.spec import Spec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class IOSignature:
    """The input and outputs of a network with some settings.

    outputs: of each output by name its rank, with the batch, and the size of its last axis. A network of one output
        may leave its name open (""); the name is then not compared.
    memory: channels of the first input after those of the image.
    input: shape of the first input without the batch, None for any size. Without it, the input is the spec's patch or
        (for slices) the patch without its first axis, followed by the channels of image and memory.
    """

    outputs: Mapping[str, tuple[int, int]]
    memory: int = 0
    input: tuple[int | None, ...] | None = None

    def misfit(self, network: keras.Model, spec: Spec) -> str | None:
        """The difference of a network from this signature, as the end of a sentence; None where it fits.

        A size that the network leaves open fits any.
        """
        actual = tuple(network.inputs[0].shape[1:])
        patch = spec.patch[1:] if len(actual) == len(spec.patch) else spec.patch
        expected = (*patch, spec.channels + self.memory) if self.input is None else self.input
        if len(actual) != len(expected) or any(
            None not in (size, wanted) and size != wanted for size, wanted in zip(actual, expected, strict=True)
        ):
            return f"it should take {_shape(expected)}. Received: {_shape(actual)}."
        ranks = [(len(output.shape), output.shape[-1]) for output in network.outputs]
        unnamed = set(self.outputs) == {""} and len(ranks) == 1
        outputs = dict(zip([""] if unnamed else network.output_names, ranks, strict=True))
        if outputs != dict(self.outputs):
            return f"it should answer {_in_words(self.outputs)}. Received: {_in_words(outputs)}."
        return None


def _shape(sizes: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes)


def _in_words(outputs: Mapping[str, tuple[int, int | None]]) -> str:
    parts = (f"{name or 'an output'} of {rank} axes, the last {size}" for name, (rank, size) in outputs.items())
    return " and ".join(parts)
