"""A progress bar per epoch; it ends as one line with the figures of the epoch."""

from __future__ import annotations

from typing import Any

import keras
from tqdm import tqdm


class EpochBar(keras.callbacks.Callback):
    """Epoch ``epoch`` of ``epochs``, with ``steps`` batches; as a ``with`` block it ends its line in any case."""

    def __init__(self, epoch: int, epochs: int, steps: int) -> None:
        super().__init__()
        self.bar = tqdm(total=steps, desc=f"epoch {epoch}/{epochs}", unit="batch", mininterval=1.0, dynamic_ncols=True)

    def __enter__(self) -> EpochBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(1)
        if batch % 10 == 0 and logs:
            self.bar.set_postfix({"loss": f"{float(logs['loss']):.4f}"}, refresh=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.set_postfix({name: f"{float(value):.4f}" for name, value in (logs or {}).items()})
        self.bar.close()
