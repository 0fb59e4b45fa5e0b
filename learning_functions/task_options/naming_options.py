"""The options of the task naming, with what its training learns besides the network."""

from __future__ import annotations

from dataclasses import dataclass

from learning_functions.task_options.common_options import Augment, TaskOptions
from utility_functions.anatomy.naming.decoder import WARNING_FROM


@dataclass(frozen=True)
class NamingOptions(TaskOptions):
    """Options of a naming model.

    members: networks whose mean is told; dropout: share of what they see that is hidden in training; decay: of weights.
    places: where the pedicles of a body lie (`PediclePlaces.to_json`); None: those of all of VID.

    Learnt once the network is trained (`training/naming_choice.py`):
    statistics: what the decoder is to hold usual (`Statistics.to_json`); None: the literature's.
    prior_probabilities: share of each level among what the network learnt from, taken off its evidence; None: nothing is.
    evidence_weight: exponent of its evidence.
    error_weights: constant and weights of the log-odds that a name is wrong; None: the decoder's own doubt is told.
    warn_from: the doubt from which a scan is warned of.
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
