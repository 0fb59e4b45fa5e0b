"""What a training run says of itself: what must not change while it goes on, and the finished model's card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learning_functions.model_files.model_file import read_card
from learning_functions.samples.store.file_identity import fingerprint
from learning_functions.samples.store.sample_store import SampleStore
from learning_functions.task import Settings
from learning_functions.training.checkpoints import Progress
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import augmentation_kind
from utility_functions.files.data_split import Fold
from utility_functions.json_records import to_json
from utility_functions.reporting.versions import versions


def run_identity(
    settings: Settings, training: Training, store: SampleStore, validation: SampleStore, fold: Fold | None = None
) -> dict[str, Any]:
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
    identity |= {} if fold is None else {"folds": [fold.number, fold.folds, fold.seed]}
    identity |= {name: model.identity() for name, model in training.given.items()}
    return dict(to_json(identity))


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What two identities of a run differ in, by name; of the settings each one, with both values."""
    changed = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    told = []
    for name in changed:
        one, other = before.get(name), now.get(name)
        if name != "settings" or not isinstance(one, dict) or not isinstance(other, dict):
            told.append(name)
            continue
        flat = [{**each, **each.get("options", {})} for each in (one, other)]
        keys = [key for key in {**flat[1], **flat[0]} if key != "options" and flat[0].get(key) != flat[1].get(key)]
        told += [f"{key} (then {flat[0].get(key)}, now {flat[1].get(key)})" for key in keys]
    return told


def card_of(
    store: SampleStore,
    settings: Settings,
    training: Training,
    progress: Progress,
    validation: SampleStore,
    fold: Fold | None = None,
) -> dict[str, Any]:
    """What the model file says of itself; of a ``fold`` also who was held out, so that it can be judged on them."""
    cropped = {"training": list(store.cropped_by), "validation": list(validation.cropped_by)}
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
            **({"cropped_by": cropped} if any(cropped.values()) else {}),
            **({} if fold is None else _told(fold, validation)),
            "augment": augmentation_kind(settings, training.augment),
            "mixed_precision": training.mixed_precision,
            "seconds": sum(row["seconds"] for row in progress.history),
        },
        "versions": versions(),
    }
    return card | {name: model.to_card() for name, model in training.given.items()}


def is_there(model_path: Path, card: dict[str, Any]) -> bool:
    """Whether the model that such a card belongs to was saved before, by whatever versions."""
    there = read_card(model_path) if model_path.is_file() else None
    asked = to_json({name: told for name, told in card.items() if name != "versions"})
    return there is not None and {name: there.get(name) for name in asked} == asked


def _told(fold: Fold, held_out: SampleStore) -> dict[str, Any]:
    told = {"case_ids": list(held_out.case_ids), "patients": sorted(set(held_out.patients))}
    return {"fold": fold.number, "folds": fold.folds, "hold_out_seed": fold.seed, "held_out": told}
