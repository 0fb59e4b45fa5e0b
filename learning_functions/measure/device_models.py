"""The models of a plan on one device: those that the user named or, by the modality of each scan, those shipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock

from learning_functions.measure.plan import Plan
from learning_functions.model_files.model_file import read_card
from learning_functions.model_files.pretrained import FINDER, SHIPPED, shipped
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import InferenceDevice
from utility_functions.files.cases import Case, Scan
from utility_functions.files.modality import decided_modality
from utility_functions.reporting.results import ModelRecord

MODALITIES = ("CT", "MR")
UNTOLD_MR = "Nothing tells the modality of this scan; by its intensities it is MR."
Load = Callable[[Path], TrainedModel]


class DeviceModels:
    """Models in running order. Shipped ones are loaded when the first scan of their modality is there."""

    def __init__(self, plan: Plan, load: Load, named: Sequence[TrainedModel] = ()) -> None:
        """named: the loaded models of a plan that names them, in running order; load: loads a shipped one."""
        self.plan = plan
        self._load = load
        self._by_modality: dict[str, Sequence[TrainedModel]] = {"": named} if named else {}
        self._lock = RLock()

    @property
    def models(self) -> list[TrainedModel]:
        """All that are loaded, each once."""
        every = [model for models in self._by_modality.values() for model in models]
        return list({model.path: model for model in every}.values())

    def of_modality(self, modality: str) -> Sequence[TrainedModel]:
        """The models for scans of a modality; what is not MR gets those for CT."""
        key = "" if not self.plan.choice else modality if modality in MODALITIES else MODALITIES[0]
        with self._lock:
            if key not in self._by_modality:
                known = {model.path: model for model in self.models}
                paths = shipped(key, self.plan.choice)
                models = [known.get(path) or self._load(path) for path in paths]
                self._by_modality[key] = self.plan.chosen(models, ())
            return self._by_modality[key]

    def placed(self, scan: Scan) -> tuple[Scan, Sequence[TrainedModel]]:
        """A scan with its modality decided where shipped models run, and the models for it."""
        if not self.plan.choice:
            return scan, self.of_modality("")
        modality = decided_modality(scan.case, scan.volume.voxels)
        notes = (UNTOLD_MR,) if modality == "MR" != scan.case.modality else ()
        placed = replace(scan, case=replace(scan.case, modality=modality), notes=(*scan.notes, *notes))
        return placed, self.of_modality(modality)

    def may_need_tissues(self, case: Case, wanted: Callable[[TrainedModel], bool]) -> bool:
        """Whether a map of tissues is read for a case: where it has one and ``wanted`` is true of a model for it."""
        if self.plan.choice and not (case.modality_told or case.phantom is not None):
            return case.has_tissues
        return any(wanted(model) for model in self.of_modality(case.modality))


def device_models(plan: Plan, cases: Sequence[Case], device: InferenceDevice) -> DeviceModels:
    """The models of a plan on a device; shipped ones are loaded later, when it is known which scans are CT and MR."""
    precision = plan.options.precision
    paths = () if plan.choice else plan.model_paths
    named = plan.chosen([TrainedModel.load(path, device, precision) for path in paths], cases) if paths else ()
    return DeviceModels(plan, loading(plan, device), named)


def loading(plan: Plan, device: InferenceDevice) -> Load:
    """What loads the shipped models of a plan on a device."""
    options = plan.options
    return partial(TrainedModel.load_shipped, device=device, precision=options.precision, search=options.search)


def records_of(plan: Plan, named: Sequence[TrainedModel] = ()) -> list[ModelRecord]:
    """The records of all models that may run in a plan; ``named``: those that it names, loaded."""
    if not plan.choice:
        return [ModelRecord.of(model.path, model.card) for model in named]
    paths = dict.fromkeys(path for modality in MODALITIES for path in shipped(modality, plan.choice))
    if plan.options.search == "spine":
        paths[SHIPPED / FINDER] = None
    return [ModelRecord.of(path, read_card(path) or {}) for path in paths]
