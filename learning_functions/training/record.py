"""What a training run says of itself: what must not change while it goes on, and the finished model's card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from learning_functions.samples.fingerprint import fingerprint
from learning_functions.samples.store import SampleStore
from learning_functions.task import Settings
from learning_functions.training.checkpoints import Progress
from learning_functions.training.inputs import augmentation_kind
from utility_functions.reporting.versions import versions

if TYPE_CHECKING:
    from learning_functions.training.fitting import Training


def run_identity(settings: Settings, training: Training, store: SampleStore, validation: SampleStore) -> dict[str, Any]:
    """What must be the same for a run to be gone on with; as JSON gives it back."""
    identity: dict[str, Any] = {
        "settings": settings.to_json(),
        "seed": training.seed,
        "augment": augmentation_kind(settings, training.augment),
        "mixed_precision": training.mixed_precision,
        "samples": [
            [each.count, each.seed, each.split, each.case_ids, fingerprint(each)] for each in (store, validation)
        ],
    }
    identity |= {name: model.identity() for name, model in training.given.items()}
    return dict(json.loads(json.dumps(identity)))


def card_of(
    store: SampleStore, settings: Settings, training: Training, progress: Progress, validation: SampleStore
) -> dict[str, Any]:
    """What the model file says of itself."""
    card: dict[str, Any] = {
        "format": 1,
        "task": store.task,
        "spec": settings.spec.to_json(),
        "settings": settings.to_json(),
        "training": {
            "epochs": progress.epochs,
            "best_epoch": progress.best_epoch,
            "best": progress.best,
            "log": progress.history[progress.best_epoch - 1],
            "samples": {"training": store.count, "validation": validation.count},
            "scans": {"training": len(store.case_ids), "validation": len(validation.case_ids)},
            "seed": training.seed,
            **({"about": training.about} if training.about else {}),
            "augment": augmentation_kind(settings, training.augment),
            "mixed_precision": training.mixed_precision,
            "seconds": sum(row["seconds"] for row in progress.history),
        },
        "versions": versions(),
    }
    return card | {name: model.to_card() for name, model in training.given.items()}
