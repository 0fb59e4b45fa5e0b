"""``segment`` for one scan, and ``Pipeline`` for many scans, whose models are loaded once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from learning_functions.measure.pipeline_file import plans_of
from learning_functions.measure.plan import Plan
from learning_functions.model_files.pretrained import located
from learning_functions.options import OPTION_NAMES, InferenceOptions
from learning_functions.runtime.inference_devices import inference_devices
from learning_functions.runtime.tensorflow_setup import start_tensorflow

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from learning_functions.predict.stage import Stage
    from learning_functions.predict.trained_model import TrainedModel
    from spine_levels.image_input import Image
    from spine_levels.result import Result
    from utility_functions.files.cases import Case, Scan
    from utility_functions.records.findings import Findings
    from utility_functions.records.names_elsewhere import NamesElsewhere

    ModelName: TypeAlias = str | os.PathLike[str] | TrainedModel


def segment(
    image: Image,
    models: ModelName | Sequence[ModelName] | None = None,
    device: str = "auto",
    *,
    affine: ArrayLike | None = None,
    name: str | None = None,
    **options: Any,
) -> Result:
    """Find, name and segment the vertebrae of one scan.

    image, affine, name: as in `Pipeline.segment`. models, device, options: as in `Pipeline`.
    A scan without findings gives an empty result with a note. Raises: ValueError for what cannot be used.
    """
    return Pipeline(models, device, **options).segment(image, affine=affine, name=name)


class Pipeline:
    """Trained models, loaded once, that segment any number of scans.

    models: .h5 files, names of shipped models such as "instances", models of `load_model`, or the .toml of a
        pipeline; none or "best": the best shipped ones for CT or MR, by scan; "fast": those without whole masks in CT.
    device: "auto", "cpu", "gpu" or "gpu:N"; "auto" and "gpu" take the first GPU, "auto" the processor where there is
        none.
    options: the inference options of spine-measure, with _ for -, such as ``lowest="L5"`` or ``precision="bfloat16"``.
    Raises: ValueError, in one sentence, for models, devices and options that cannot be used.
    """

    def __init__(
        self, models: ModelName | Sequence[ModelName] | None = None, device: str = "auto", **options: Any
    ) -> None:
        given = () if models is None else models
        named: list[Any] = [*given] if isinstance(given, list | tuple) else [given]
        loaded = {Path(model.path): model for model in named if hasattr(model, "network")}
        self._plan = _plan([getattr(model, "path", model) for model in named], {**options, "device": device})
        start_tensorflow()
        from learning_functions.measure.device_models import DeviceModels, loading
        from learning_functions.predict.trained_model import TrainedModel

        where, precision = inference_devices(self._plan.options.device)[0], self._plan.options.precision
        load = partial(TrainedModel.load, device=where, precision=precision)
        paths = [] if self._plan.choice else self._plan.model_paths
        self._scout: Findings | None = None
        self._device = DeviceModels(
            self._plan, loading(self._plan, where), [loaded.get(path) or load(path) for path in paths]
        )
        ordered_by_scan = self._plan.choice or self._plan.initial.earlier is not None
        if not ordered_by_scan:
            self._plan.chosen(self.models, ())

    @property
    def models(self) -> list[TrainedModel]:
        """The models that are loaded; shipped ones for CT or MR are loaded with the first scan of their kind."""
        return self._device.models

    def segment(self, image: Image, *, affine: ArrayLike | None = None, name: str | None = None) -> Result:
        """Find, name and segment the vertebrae of one scan.

        image: the path of an image or of a DICOM folder, an image of nibabel or SimpleITK, or an array of 3 axes.
        affine: of an array, 4x4, from the index of a voxel to its centre in RAS+ mm.
        name: of the scan; the files of `Result.save` begin with it. Default: the name of its file.
        Raises: ValueError for what cannot be read; MemoryError where ``memory_gb`` is too much for the device.
        """
        from learning_functions.measure.dicom_outputs import require_dicom_scans
        from spine_levels.image_input import scan_of
        from spine_levels.result import Result

        scan, models = self._device.placed(scan_of(image, affine, name))
        self._plan.initial.require_there([scan.case])
        if self._plan.options.dicom is not None:
            require_dicom_scans([scan.case])
        names = self._names_for(scan.case)
        models = models if self._plan.choice else self._plan.chosen(models, [scan.case])
        stages = self._stages(scan, models, self._plan, names)
        return Result(
            scan,
            stages[-1].findings.placed_on(scan.volume.grid),
            stages if self._plan.options.save_intermediate else (),
            self._plan.initial,
            self._plan.options.dicom,
            tuple(model.path.stem for model in models),
        )

    def _stages(
        self, scan: Scan, models: Sequence[TrainedModel], plan: Plan, names: NamesElsewhere | None = None
    ) -> tuple[Stage, ...]:
        from learning_functions.measure.scan_work import ScanRead, run_scan, start_of
        from learning_functions.predict.prepared_scan import PreparedScan

        start = start_of(scan, models, plan)
        prepared = PreparedScan(scan.volume).turned(start.findings.quarter_turns)
        return run_scan(ScanRead(scan, models, start, prepared, 0.0), plan, names).stages

    def _names_for(self, case: Case) -> NamesElsewhere | None:
        """The names that pass to a scan from that of ``count_from``, which is measured once. Raises: ValueError."""
        from learning_functions.measure.scout import passed_to, plan_of_scout
        from learning_functions.measure.scout_case import same_scan, scout_case, world_of
        from utility_functions.files.cases import load_scan

        if self._plan.options.count_from is None:
            return None
        scout = scout_case(self._plan.options.count_from)
        if same_scan(case, scout):
            return None
        world_of(case, scout)
        if self._scout is None:
            scan, models = self._device.placed(load_scan(scout, annotations=False))
            models = models if self._plan.choice else self._plan.chosen(models, [scan.case])
            self._scout = self._stages(scan, models, plan_of_scout(self._plan))[-1].findings
        return passed_to([case], scout, self._scout).names[case.case_id]


def load_model(model: str | os.PathLike[str]) -> TrainedModel:
    """A trained model: its network (a `keras.Model`), its card, its task and its settings.

    model: an .h5 file, also one saved by Keras 1 or 2, or the name of a shipped model such as "detection".
    Raises: ValueError for what is no model, or a model that would run code.
    """
    path = located(Path(model))
    start_tensorflow()
    from learning_functions.predict.trained_model import TrainedModel

    return TrainedModel.load(path)


def _plan(models: Sequence[str | os.PathLike[str]], options: dict[str, Any]) -> Plan:
    """The checked plan of models and options; ``options`` are those of spine-measure. Raises: ValueError."""
    chosen = InferenceOptions.from_keywords(options)
    known = {name: getattr(chosen, name) for name in OPTION_NAMES}
    files = [Path(model) for model in models]
    tomls = [file for file in files if file.suffix == ".toml"]
    if len(tomls) > 1 or (tomls and len(files) > 1):
        raise ValueError(f"The .toml of a pipeline allows no other models. Received: {', '.join(map(str, files))}.")
    [plan] = plans_of({**known, "models": [] if tomls else files, "pipeline": tomls})
    return plan
