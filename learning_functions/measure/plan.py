"""The plan of a measurement: which models run, with which options, and from which initial findings. Needs no Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learning_functions.measure.dicom_outputs import require_dicom_scans
from learning_functions.measure.scout_case import require_one_world, scout_files
from learning_functions.model_files.pretrained import CHOICES, located, shipped
from learning_functions.options import InferenceOptions
from learning_functions.predict.initial_findings import InitialFindings
from learning_functions.predict.stage_order import Model, in_stage_order, outlines, refuse_landmark_models, until
from learning_functions.task import task_names
from utility_functions.files.cases import Case


@dataclass(frozen=True)
class Plan:
    """The models of a measurement and their options.

    models: files; none, or one of CHOICES alone, for those shipped for the modality of each scan.
    options: of inference, with the sources of initial findings.
    file: the TOML of the plan, whose models run in the order written there; None for a plan of the command line.
    title: its name in tables and reports. requested: the options as the user gave them, for results.json.
    """

    models: tuple[Path, ...]
    options: InferenceOptions
    file: Path | None = None
    title: str = ""
    requested: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stage = self.options.stop_after
        if stage is not None and stage not in task_names():
            raise ValueError(f"A stage to stop after is a task, one of {', '.join(task_names())}. Received: {stage!r}.")
        if self.initial and self.choice:
            raise ValueError("Models that continue from landmarks or earlier results must be named. Received: none.")
        if self.initial.landmarks is not None and self.options.lowest is not None:
            raise ValueError(
                f"Landmarks are supplied, so vertebrae are not named by the lowest. Received: {self.options.lowest}."
            )

        for name, given in (("landmarks", self.initial.landmarks), ("lowest", self.options.lowest)):
            if self.options.count_from is not None and given is not None:
                raise ValueError(
                    f"Levels are counted from {self.options.count_from}, so {name} gives no others. Received: {given}."
                )

    @property
    def initial(self) -> InitialFindings:
        """The source of the initial findings of each scan."""
        return InitialFindings(self.options.landmarks, self.options.from_results)

    @property
    def shares_names(self) -> bool:
        """Whether series of one study share names: where requested, unless all are counted from one scan."""
        return self.options.study == "shared" and self.options.count_from is None

    def given_files(self, case: Case) -> list[Path]:
        """The files besides its own that the findings of a case follow from."""
        counted = [] if self.options.count_from is None else scout_files(self.options.count_from)
        return [*self.initial.files(case), *counted]

    @property
    def name(self) -> str:
        """The name of its results folder among those of other plans."""
        return "" if self.file is None else self.file.stem

    @property
    def choice(self) -> str:
        """Which of the shipped models run, one of CHOICES; "" where models are named."""
        if not self.models:
            return CHOICES[0]
        only = str(self.models[0]) if len(self.models) == 1 else ""
        return only if only in CHOICES else ""

    @property
    def model_paths(self) -> list[Path]:
        """The model files, a bare name being a shipped model; without names those shipped for CT."""
        return shipped(choice=self.choice) if self.choice else [located(path) for path in self.models]

    def require_sound(self, cases: Sequence[Case]) -> None:
        """Raise a ValueError for errors that show before a model or TensorFlow is loaded."""
        with self._named():
            self.initial.require_there(cases)
            if self.options.count_from is not None:
                require_one_world(cases, self.options.count_from)
            if self.options.dicom is not None:
                require_dicom_scans(cases)
        if not (self.initial or self.options.stop_after or self.file):
            return  # loading reports errors of the models alone
        with self._named():
            known = outlines(self.model_paths)
        if known is not None:
            self.chosen(known, cases)

    def chosen(self, models: Sequence[Model], cases: Sequence[Case]) -> list[Model]:
        """The models of the plan that run, in running order. Raises: ValueError where they do not fit together."""
        with self._named():
            if self.initial.landmarks is not None:
                refuse_landmark_models(models)
            known = self.initial.fields(cases, [model.task_name for model in models])
            ordered = in_stage_order(models, known)
            if self.file is not None and [model.path for model in ordered] != [model.path for model in models]:
                tasks, right = (", ".join(model.task_name for model in some) for some in (models, ordered))
                raise ValueError(f"Models are named in the order in which they can run, {right}. Received: {tasks}.")
            return ordered if self.options.stop_after is None else until(ordered, self.options.stop_after)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors within name the plan's file."""
        try:
            yield
        except ValueError as error:
            if self.file is None:
                raise
            raise ValueError(f"{self.file}: {error}") from error
