"""The comparison of several plans on the same scans: each has its own results folder, and one table compares them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learning_functions.measure.device_models import DeviceModels, loading
from learning_functions.measure.fleet import Fleet
from learning_functions.measure.measuring import (
    Show,
    devices_of,
    fleet_of,
    load_fleet,
    measure_plan,
    require_alike_before,
    require_place,
)
from learning_functions.measure.plan import Plan
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import InferenceDevice
from learning_functions.runtime.workers import THIS_PROCESS, Workers
from losses_and_metrics.pipeline_summary import measured_by_all, summarise_pipeline
from utility_functions.files.cases import Case
from utility_functions.files.provenance import require_results_free
from utility_functions.reporting.comparison_tables import Comparison, comparison_text, write_comparison
from utility_functions.reporting.results import ScanRow


def measure_plans(
    plans: Sequence[Plan],
    cases: Sequence[Case],
    folder: Path,
    show: Show,
    command: Sequence[str] = (),
    skip_existing: bool = False,
    workers: Workers = THIS_PROCESS,
) -> list[ScanRow]:
    """Measure all cases by each plan; pipelines write to ``folder/NAME``, and their comparison to ``folder``.

    Returns the rows of all plans, one after another. All models are loaded before the first scan, each file once, so
    that an error in the last model shows before the first has run for hours. Otherwise as ``measure_plan``.
    workers: where the scans are measured.
    """
    if len(plans) == 1 and plans[0].file is None:
        plan = plans[0]
        require_place(plan, cases, folder)
        return measure_plan(plan, cases, folder, show, command, skip_existing, load_fleet(plan, cases, workers))
    require_results_free(folder)
    for plan in plans:
        require_place(plan, cases, folder / plan.name)
    loaded: Loaded = {}
    chosen = [_chosen(plan, cases, loaded, workers) for plan in plans]
    for plan, models in zip(plans, chosen, strict=True) if skip_existing else ():
        require_alike_before(plan, cases, folder / plan.name, models.models)
    runs = []
    for plan, models in zip(plans, chosen, strict=True):
        show(f"Pipeline {plan.name}: {', '.join(model.task_name for model in models.models)}\n")
        runs.append(measure_plan(plan, cases, folder / plan.name, show, command, skip_existing, models))
    kept = measured_by_all(runs)
    figures = [
        summarise_pipeline(plan.name, plan.title, [model.task_name for model in models.models], run, kept)
        for plan, models, run in zip(plans, chosen, runs, strict=True)
    ]
    left_out = tuple(case.case_id for case in cases if case.case_id not in kept)
    comparison = Comparison.of(figures, left_out)
    show(comparison_text(comparison))
    write_comparison(folder, comparison, {plan.name: plan.requested for plan in plans}, command)
    return [_with_pipeline_name(row, plan) for plan, run in zip(plans, runs, strict=True) for row in run]


Loaded = dict[tuple[Path, InferenceDevice, str], TrainedModel]
"""Models by file, device and precision."""


def _chosen(plan: Plan, cases: Sequence[Case], loaded: Loaded, workers: Workers) -> Fleet:
    """The models of a plan that run, on each device; those missing in ``loaded`` are loaded."""
    precision, found = plan.options.precision, []
    for device in devices_of(plan, cases, workers):
        for path in plan.model_paths:
            if (key := (path.resolve(), device, precision)) not in loaded:
                loaded[key] = TrainedModel.load(path, device, precision)
        models = plan.chosen([loaded[path.resolve(), device, precision] for path in plan.model_paths], cases)
        found.append(DeviceModels(plan, loading(plan, device), models))
    return fleet_of(found, workers)


def _with_pipeline_name(row: ScanRow, plan: Plan) -> ScanRow:
    """The row with the pipeline in its name."""
    return ScanRow(f"{plan.name}/{row.case_id}", row.findings, problem=row.problem)
