"""A small sample file and its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec

SPEC = Spec((1, 1, 1), "RAS", (4, 5, 6), 1, ("vertebra",))
COUNT = 7


def sample(index: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(index)
    return {
        "inputs": rng.integers(-1024, 3000, (4, 5, 6, 1)).astype(np.int16),
        "targets": rng.integers(0, 2, (4, 5, 6)).astype(np.uint8),
        "weights": rng.random((4, 5, 6)).astype(np.float16),
    }


def write(path: Path, *, weighted: bool = True, patient: str = "p", spec: Spec = SPEC, **options: Any) -> SampleStore:
    with SampleWriter(path, task="detection", spec=spec, settings={"size": np.int64(3)}, seed=5, **options) as writer:
        for index in range(COUNT):
            arrays = sample(index)
            weights = arrays["weights"] if weighted else None
            case = index // 3
            writer.append(
                arrays["inputs"],
                arrays["targets"],
                weights,
                normalisation=(index, 0.5),
                case_id=f"case{case}",
                patient=f"{patient}{case}",
            )
    return open_store(path)


def empty_arrays(store: SampleStore, count: int) -> dict[str, np.ndarray]:
    return {
        "inputs": np.zeros((count, *store.input_shape), store.input_dtype),
        "targets": np.zeros((count, *store.target_shape), store.target_dtype),
        "weights": np.zeros((count, *store.target_shape), "float16"),
        "normalisation": np.zeros((count, 2)),
    }
