"""A trained model that a new training uses, as a warm start or as a teacher, and whether it fits the samples."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from learning_functions.io_signature import IOSignature
from learning_functions.model_files.model_file import read_card, settings_and_signature
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.spec import Spec
from learning_functions.stored_settings import cut_otherwise, settings_from_samples
from learning_functions.task import Settings, Task, load_task

IMAGE_FIELDS = ("spacing_mm", "axcodes", "intensity", "window", "flatten_mm")
"""The fields of a spec that decide on how an image looks to a network."""


@dataclass(frozen=True)
class InitialModel:
    """A model file (.h5) with a card that a new network starts from or learns from."""

    ROLE: ClassVar[str] = "given model"

    path: Path

    @cached_property
    def sha256(self) -> str:
        """The hash of the file at its first use."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to resume: the file's contents, wherever the file is."""
        return {"sha256": self.sha256}

    def to_card(self) -> dict[str, Any]:
        """Its entry in the card of the new model."""
        return {"file": self.path.name, **self.identity()}

    def require_fit(self, store: SampleStore, model_path: Path) -> None:
        """Raise a ValueError that names all differences unless its inputs and outputs fit the new network.

        Task, spec, the options that samples were cut by, and the I/O signature must be the same; filters, levels and
        weights may differ.
        """
        if self.path.resolve() == model_path.resolve():
            raise ValueError(f"The new model would be written over the {self.ROLE}. Received: {self.path}.")
        card = read_card(self.path)
        if card is None:
            raise ValueError(f"A {self.ROLE} is a model that train.py saved, with a card. Received: {self.path}.")
        self._require_alike(card, store)

    def _require_alike(self, card: dict[str, Any], store: SampleStore) -> None:
        if card["task"] != store.task:
            raise ValueError(
                f"The {self.ROLE} is for the task {card['task']}, the samples for {store.task}. Received: {self.path}."
            )
        task = load_task(store.task)
        own = settings_from_samples(task, store.settings)
        its, io_signature = settings_and_signature(card, self.path.name)
        if differences := self._differences(task, its, io_signature, own):
            presets = [
                name for name, each in task.presets.items() if not self._differences(task, its, io_signature, each)
            ]
            cure = f"; samples of --preset {' or '.join(presets)} would fit" if presets else ""
            raise ValueError(
                f"The {self.ROLE} needs the inputs and outputs of the new network; it and the samples differ in "
                f"{'; '.join(differences)}{cure}. Received: {self.path}."
            )

    def _differences(self, task: Task, its: Settings, io_signature: IOSignature, own: Settings) -> list[str]:
        """The differences of a model with the settings ``its`` and its signature from the new network's settings."""
        found = its.spec.differences(own.spec)
        found += [f"{name} {mine} and {theirs}" for name, (mine, theirs) in cut_otherwise(task, its, own).items()]
        new = task.io_signature(own)
        mine, theirs = asdict(self._comparable(io_signature, new)), asdict(new)
        return found + [f"{name} {mine[name]} and {theirs[name]}" for name in mine if mine[name] != theirs[name]]

    def _comparable(self, io_signature: IOSignature, own: IOSignature) -> IOSignature:
        """The signature of the trained network, as far as the new one must have it, too."""
        return io_signature


@dataclass(frozen=True)
class WarmStart(InitialModel):
    """A model whose weights replace the random initialisation.

    A model of the same task has the same graph, or one that the new network can begin as (``begins_as``); it may have
    fewer input channels beside the image, such as no landmark prompt. A model of another task gives the layers that
    both networks have; it then needs the same image specification at the resolution of the U-Nets.

    layers_that_fit: take the layers of the same name and shape, whatever images and labels the model was trained on.
    """

    ROLE: ClassVar[str] = "model to start from"

    layers_that_fit: bool = False

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), **({"layers_that_fit": True} if self.layers_that_fit else {})}

    def _comparable(self, io_signature: IOSignature, own: IOSignature) -> IOSignature:
        return (
            replace(io_signature, memory=max(io_signature.memory, own.memory)) if io_signature.memory else io_signature
        )

    def _differences(self, task: Task, its: Settings, io_signature: IOSignature, own: Settings) -> list[str]:
        found = super()._differences(task, its, io_signature, own)
        given, new = its.options.graph, own.options.graph
        if given in (new, task.begins_as.get(new)):
            return found
        return [*found, f"graph {given} and {new}"]

    def _require_alike(self, card: dict[str, Any], store: SampleStore) -> None:
        if self.layers_that_fit:
            return
        if card["task"] == store.task:
            super()._require_alike(card, store)
            return
        its, own = (asdict(Spec.from_json(spec)) for spec in (card["spec"], store.settings["spec"]))
        reductions = (load_task(task).body_reduction for task in (card["task"], store.task))
        for spec, reduction in zip((its, own), reductions, strict=True):
            spec["spacing_mm"] = tuple(reduction * step for step in spec["spacing_mm"])
        if differences := [f"{name} {its[name]} and {own[name]}" for name in IMAGE_FIELDS if its[name] != own[name]]:
            raise ValueError(
                f"The {self.ROLE} needs the image specification of the new network; it and the samples differ in "
                f"{'; '.join(differences)}. Received: {self.path}."
            )
