"""The form of a task's network: what it takes and what it answers, held against a network before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from learning_functions.spec import Spec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class IOSignature:
    """What a network of some settings takes and answers.

    outputs: of each output by name its rank, with the batch, and the size of its last axis. A network of one output
        may leave its name open (""); it is then not compared.
    memory: channels of the first input behind those of the image.
    input: shape of the first input without the batch, None for any size, where it is neither the spec's patch nor (for
        slices) the patch without its first axis, with the channels of image and memory behind.
    """

    outputs: Mapping[str, tuple[int, int]]
    memory: int = 0
    input: tuple[int | None, ...] | None = None

    def misfit(self, network: keras.Model, spec: Spec) -> str | None:
        """What of the network is otherwise, as the end of a sentence; None where all is as it should be.

        Sizes that the network leaves open fit any.
        """
        seen = tuple(network.inputs[0].shape[1:])
        patch = spec.patch[1:] if len(seen) == len(spec.patch) else spec.patch
        expected = (*patch, spec.channels + self.memory) if self.input is None else self.input
        if len(seen) != len(expected) or any(
            None not in (size, usual) and size != usual for size, usual in zip(seen, expected, strict=True)
        ):
            return f"it should take {_shape(expected)}. Received: {_shape(seen)}."
        given = [(len(output.shape), output.shape[-1]) for output in network.outputs]
        unnamed = set(self.outputs) == {""} and len(given) == 1
        answers = dict(zip([""] if unnamed else network.output_names, given, strict=True))
        if answers != dict(self.outputs):
            return f"it should answer {_in_words(self.outputs)}. Received: {_in_words(answers)}."
        return None


def _shape(sizes: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes)


def _in_words(answers: Mapping[str, tuple[int, int | None]]) -> str:
    told = (f"{name or 'an output'} of {rank} axes, the last {size}" for name, (rank, size) in answers.items())
    return " and ".join(told)
