"""The run of several models on one scan, in an order that meets the needs of each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from learning_functions.model_files.pretrained import shipped
from learning_functions.options import InferenceOptions
from learning_functions.predict.orientation_stage import in_patient_orientation, tells_orientation
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.stage import Stage, starting_stage
from learning_functions.predict.stage_order import in_stage_order
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import InferenceDevice
from learning_functions.runtime.plain_errors import in_plain_words
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.turned_findings import turned_findings, turned_stage


def load_models(paths: Sequence[str | Path] = ()) -> list[TrainedModel]:
    """The models at ``paths``, or the shipped ones where there is none, in running order."""
    if not paths:
        return in_stage_order([TrainedModel.load_shipped(path) for path in shipped()])
    return in_stage_order(loaded([Path(path) for path in paths]))


def loaded(
    paths: Sequence[Path], device: InferenceDevice | None = None, precision: str = "float32"
) -> list[TrainedModel]:
    """The models at ``paths``, in that order; device, precision: as in `TrainedModel.load`."""
    return [TrainedModel.load(path, device, precision) for path in paths]


def advice_of(model: TrainedModel, options: InferenceOptions) -> str:
    """What a user can do where a model runs out of memory."""
    if model.device.memory_gb is None:
        return f"allow less than the {options.memory_gb:g} GB of --memory-gb"
    return "choose --precision float16 or --device cpu"


def run_models(
    models: Sequence[TrainedModel],
    volume: Volume,
    case_id: str = "scan",
    options: InferenceOptions | None = None,
    before: Findings | None = None,
) -> Findings:
    """The findings of the models in one scan, on its own grid. case_id: the scan's name in messages and files.

    before: the findings so far.
    """
    start = starting_stage(Findings(case_id, volume.grid) if before is None else before)
    prepared = PreparedScan(volume).turned(start.findings.quarter_turns)
    last = deque(run_stages(models, prepared, start, options or InferenceOptions()), maxlen=1).pop()
    return last.findings.placed_on(volume.grid)


def run_stages(
    models: Sequence[TrainedModel], prepared: PreparedScan, start: Stage, options: InferenceOptions
) -> Iterator[Stage]:
    """The start, and then the findings of one scan after each model; maps are on the grids they were found on.

    prepared: the scan in the patient orientation of the start, for all models. Where the orientation is another, the
    scan is turned as soon as the first model has determined it. All yielded findings are in the frame of the header.
    """
    yield start
    findings = start.findings
    turns = findings.quarter_turns
    for model in models:
        started = time.perf_counter()
        shown = turned_findings(findings, turns)
        with in_plain_words(advice_of(model, options)), model.device.scope():
            if tells_orientation(model, options):
                prepared, found, more = in_patient_orientation(model, prepared, shown, options)
                turns = (turns + more) % 4
            else:
                found = model.run(prepared, shown, options)
        found = turned_stage(found, -turns).having(quarter_turns=turns)
        findings = findings.merged(found).timed(model.task_name, time.perf_counter() - started)
        yield Stage((model.task_name,), found, findings)
