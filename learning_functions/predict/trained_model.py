"""A saved network with all it needs to run on any scan: its task, settings and statistics of naming."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from learning_functions.inference.folded_network import folded
from learning_functions.inference.pass_memory import strides_of
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import flexible
from learning_functions.model_files.model_file import load_model
from learning_functions.model_files.pretrained import FINDER, SHIPPED
from learning_functions.options import InferenceOptions
from learning_functions.predict.precision import compute_in
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.spine_search import holds_spine, looked_in, search_box
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice, inference_devices
from learning_functions.spec import Spec
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import Settings, Task, load_task
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import ClassProbabilities

SACRUM_FROM = "instances"
"""Masks found before keep their sacrum: whoever draws vertebrae anew is shown them, too."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network, the task it was trained for and the settings it was trained with.

    statistics: those of naming that the card carries. device: where the network lies and runs.
    finder: a model that tells by a heatmap where the spine is, so that this one looks only there; None: it looks
        everywhere.
    """

    path: Path
    task_name: str
    task: Task
    settings: Settings
    network: keras.Model
    card: dict[str, Any]
    statistics: Statistics | None = None
    device: InferenceDevice = PROCESSOR
    finder: TrainedModel | None = None

    @classmethod
    def load(cls, path: Path, device: InferenceDevice | None = None, precision: str = "float32") -> TrainedModel:
        """The model saved at ``path``, ready to predict; no training loss is made.

        device: where it runs; None: the first GPU, or the processor where there is none. precision: of the inference
        options.
        """
        device = device or inference_devices("auto")[0]
        with device.scope():
            return cls._loaded(path, device, precision)

    @classmethod
    def load_shipped(
        cls, path: Path, device: InferenceDevice | None = None, precision: str = "float32", search: str = "spine"
    ) -> TrainedModel:
        """A model of the package, with its finder where it is searched for the spine. search: of the inference
        options; the rest as in ``load``."""
        model = cls.load(path, device, precision)
        if search != "spine" or not model.task.searched:
            return model
        return replace(model, finder=cls.load(SHIPPED / FINDER, device, precision))

    @property
    def files(self) -> tuple[Path, ...]:
        """Its own file, and that of its finder."""
        return (self.path, *(self.finder.files if self.finder is not None else ()))

    @classmethod
    def _loaded(cls, path: Path, device: InferenceDevice, precision: str) -> TrainedModel:
        network, card = load_model(path)
        try:
            task = load_task(card["task"])
            settings = settings_from_card(task, card)
            require_upright_slices(settings.spec)
            statistics = statistics_of(card)
        except ValueError as error:
            raise BrokenFile(f"The card of {path} cannot be used: {error}") from error
        network = flexible(network)
        if precision == "float32":  # not every device has transposed convolutions in half precision
            network = folded(network)
        compute_in(network, precision)
        network = task.network_for_inference(network)  # once, so that it is traced once for all scans
        network.jit_compile = False
        return cls(Path(path), card["task"], task, settings, network, card, statistics, device)

    def run(self, prepared: PreparedScan, findings: Findings, options: InferenceOptions) -> StageFindings:
        """What this model finds in a scan of which ``findings`` are known; both lie as ``prepared`` does.

        Raises: ValueError where what it needs was not found before.
        """
        missing = [need for need in self.task.needs if getattr(findings, need) is None]
        if missing:
            raise ValueError(f"The {self.task_name} model needs {', '.join(missing)} first. Received: {self.path}.")

        def look(part: Grid | None) -> StageFindings:
            return self.task.predict(self.network, self.settings, self.view(prepared, findings, options, part))

        box = self.search_box(prepared, options)
        found = looked_in(box, look, lambda found: self.ends_inside(found, prepared))
        return found.only({*self.task.gives, *self.task.may_give})

    def ends_inside(self, found: StageFindings, prepared: PreparedScan) -> bool:
        """Whether the spine was found in a box, and ends inside of it."""
        parts = found.detection
        return isinstance(parts, ClassProbabilities) and holds_spine(parts, prepared.whole(self.settings))

    def search_box(self, prepared: PreparedScan, options: InferenceOptions) -> Grid | None:
        """The part of this model's grid over the scan in which it looks for the spine; None: all of it."""
        finder = self.finder
        if finder is None or options.search != "spine" or options.windows != "tiles":
            return None

        def found() -> Grid | None:
            heatmap = finder.run(prepared, Findings("spine", prepared.grid), options).heatmap
            if heatmap is None:
                return None
            return search_box(heatmap, prepared.whole(self.settings), strides_of(self.network))

        return prepared.box_once(self.files, found)

    def make_ready(self, prepared: PreparedScan, findings: Findings, options: InferenceOptions) -> None:
        """Prepare a scan for this model now, so that ``view`` finds it done."""
        with self.device.scope():
            box = self.search_box(prepared, options)
        prepared.make_ready(self.task, self.settings, findings, box)

    def view(
        self, prepared: PreparedScan, findings: Findings, options: InferenceOptions, box: Grid | None = None
    ) -> ScanView:
        """The scan as this model is shown it, with the maps that its task reads on the image's grid.

        box: the part that is shown; None: all of it.
        """
        view = prepared.view(self.task, self.settings, findings, options, self.statistics, box)
        reads = {*self.task.needs, *self.task.uses, SACRUM_FROM}
        return view.having(findings=findings.placed_on(view.image.grid, reads), unplaced=findings, device=self.device)


def statistics_of(card: dict[str, Any]) -> Statistics | None:
    """The statistics of naming that a card has learnt, if any: what `Statistics.to_json` gives, as text or as a tree.

    Raises: ValueError where they are none.
    """
    statistics = card.get("learnt", {}).get("statistics")
    return None if statistics is None else Statistics.from_json(statistics)


def require_upright_slices(spec: Spec) -> None:
    """Raises ValueError unless the first axis runs between left and right and the third upwards.

    Tiles, sagittal slices and naming count on it; the second then runs between front and back.
    """
    if spec.axcodes[0] not in "RL" or spec.axcodes[2] != "S":
        raise ValueError(
            f"Models see scans with left and right along the first axis and upwards along the third, as in RAS or LPS. "
            f"Received: {spec.axcodes}."
        )
