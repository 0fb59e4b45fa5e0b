"""A progress bar for each epoch; it ends as one line with the figures of the epoch."""

from __future__ import annotations

from typing import Any

import keras
from tqdm import tqdm


class EpochBars(keras.callbacks.Callback):
    """A bar for each of ``epochs`` epochs of ``steps`` batches; as a ``with`` block it ends its line in any case."""

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self.epochs, self.steps = epochs, steps
        self.bar: tqdm | None = None

    def __enter__(self) -> EpochBars:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar = tqdm(
            total=self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="batch",
            mininterval=1.0,
            dynamic_ncols=True,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.bar is None:
            return
        before = self.bar.n
        self.bar.update(batch + 1 - before)
        if before // 10 != self.bar.n // 10 and logs:
            self.bar.set_postfix({"loss": f"{float(logs['loss']):.4f}"}, refresh=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.bar is not None:
            self.bar.set_postfix({name: f"{float(value):.4f}" for name, value in (logs or {}).items()})
            self.bar.close()
