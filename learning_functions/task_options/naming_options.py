"""The options of the task naming, with the calibration that training adds."""

from __future__ import annotations

from dataclasses import dataclass

from learning_functions.task_options.common_options import Augment, TaskOptions
from utility_functions.anatomy.naming.decoder import WARNING_FROM


@dataclass(frozen=True)
class NamingOptions(TaskOptions):
    """Options of a naming model.

    members: size of the ensemble, whose mean is the prediction; dropout: fraction of the inputs hidden in training;
        decay: of weights.
    places: the positions of the pedicles beside a body (`PediclePlaces.to_json`); None: those of all of VID.

    Estimated after training (`training/naming_choice.py`):
    statistics: the decoder's prior statistics (`Statistics.to_json`); None: those of the literature.
    prior_probabilities: frequency of each level in the training samples, removed from the evidence; None: not removed.
    evidence_weight: exponent of the evidence.
    error_weights: constant and weights of the log-odds that a name is wrong; None: the decoder's own error probability
        is reported.
    warn_from: the error probability from which the user is warned of a scan.
    """

    augment: Augment = "standard"
    members: int = 3
    dropout: float = 0.3
    decay: float = 1e-4
    places: str | None = None
    statistics: str | None = None
    prior_probabilities: tuple[float, ...] | None = None
    evidence_weight: float = 1.0
    error_weights: tuple[float, ...] | None = None
    warn_from: float = WARNING_FROM
