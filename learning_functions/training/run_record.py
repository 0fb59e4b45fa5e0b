"""The records of a training run: its identity, which a resumed run must match, and the card of the finished model."""

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
    """What must be the same for a run to resume, in JSON types; the number of epochs need not be."""
    identity: dict[str, Any] = {
        "settings": {name: value for name, value in settings.to_json().items() if name != "epochs"},
        "seed": training.seed,
        "augment": augmentation_kind(settings, training.augment),
        "precision": training.precision,
        "samples": [
            [each.count, each.seed, each.split, each.case_ids, fingerprint(each)] for each in (store, validation)
        ],
    }
    identity |= {} if fold is None else {"folds": [fold.number, fold.folds, fold.seed]}
    identity |= {name: model.identity() for name, model in training.given.items()}
    return dict(to_json(identity))


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The names in which two identities differ; settings that differ come with both values."""
    changed = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    found = []
    for name in changed:
        one, other = before.get(name), now.get(name)
        if name != "settings" or not isinstance(one, dict) or not isinstance(other, dict):
            found.append(name)
            continue
        without = {"options": None, "epochs": None}  # earlier runs recorded their epochs
        flat = [{**each, **each.get("options", {}), **without} for each in (one, other)]
        keys = [key for key in {**flat[1], **flat[0]} if flat[0].get(key) != flat[1].get(key)]
        found += [f"{key} (then {flat[0].get(key)}, now {flat[1].get(key)})" for key in keys]
    return found


def card_of(
    store: SampleStore,
    settings: Settings,
    training: Training,
    progress: Progress,
    validation: SampleStore,
    fold: Fold | None = None,
) -> dict[str, Any]:
    """The card of the model file; with a ``fold`` also the held-out patients, on whom it can be evaluated."""
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
            **({} if fold is None else _held_out_entry(fold, validation)),
            "augment": augmentation_kind(settings, training.augment),
            "precision": training.precision,
            **({"extended": progress.extended} if progress.extended else {}),
            "seconds": sum(row["seconds"] for row in progress.history),
        },
        "versions": versions(),
    }
    return card | {name: model.to_card() for name, model in training.given.items()}


def is_there(model_path: Path, card: dict[str, Any]) -> bool:
    """Whether the model with this card is saved already, by any versions."""
    saved = read_card(model_path) if model_path.is_file() else None
    expected = to_json({name: value for name, value in card.items() if name != "versions"})
    return saved is not None and {name: saved.get(name) for name in expected} == expected


def _held_out_entry(fold: Fold, held_out: SampleStore) -> dict[str, Any]:
    scans = {"case_ids": list(held_out.case_ids), "patients": sorted(set(held_out.patients))}
    return {"fold": fold.number, "folds": fold.folds, "hold_out_seed": fold.seed, "held_out": scans}
