"""The stage that determines the patient orientation, before any other model runs on the scan."""

from __future__ import annotations

from learning_functions.inference.patient_orientation import note_of, settled_orientation
from learning_functions.options import InferenceOptions
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.spine_search import looked_in
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import PARTS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import ClassProbabilities


def tells_orientation(model: TrainedModel, options: InferenceOptions) -> bool:
    """Whether a model can determine the patient orientation, by its card, and the options request it."""
    requested = options.orientation == "auto" and options.windows == "tiles"
    return requested and model.task.tells_orientation and orientation_check_of(model) is not None


def orientation_check_of(model: TrainedModel) -> OrientationCheck | None:
    """The thresholds in the model's card; None where it has none, or the model does not segment parts."""
    return model.settings.options.orientation if model.settings.spec.labels == PARTS else None


def in_patient_orientation(
    model: TrainedModel, prepared: PreparedScan, findings: Findings, options: InferenceOptions
) -> tuple[PreparedScan, StageFindings, int]:
    """The scan in patient orientation, the model's findings in it, and the quarter turns from ``prepared`` to it.

    findings: all findings so far, in the orientation of ``prepared``. The model's are in that of the returned scan.
    """
    check = orientation_check_of(model)
    if check is None:
        raise ValueError(f"The card has no thresholds for the patient orientation. Received: {model.path}.")
    mirrored = model.settings.options.mirrored_inference

    def settled_in(box: Grid | None) -> tuple[StageFindings, int, str]:
        view = model.view(prepared, findings, options, box)

        def probabilities(image: Volume) -> ClassProbabilities:
            return model.task.class_probabilities(model.network, model.settings, view.having(image=image))

        def without_mirror_image(image: Volume) -> ClassProbabilities:
            settings = model.settings.with_options(mirrored_inference=False)
            return model.task.class_probabilities(model.network, settings, view.having(image=image))

        screening = without_mirror_image if mirrored else None
        settled = settled_orientation(probabilities, view.image, view.padding_value, check, screening)
        return model.task.found_in(settled.probabilities, model.settings), settled.quarter_turns, settled.doubt

    def suffices(settled: tuple[StageFindings, int, str]) -> bool:
        """The coarse pass knows upright patients; where another is found, everything is looked at."""
        found, turns, doubt = settled
        return not turns and not doubt and model.ends_inside(found, prepared)

    found, turns, doubt = looked_in(model.search_box(prepared, options), settled_in, suffices)
    if turns:
        found = found.noting(note_of((findings.quarter_turns + turns) % 4))
    return prepared.turned(turns), found.noting(doubt), turns
