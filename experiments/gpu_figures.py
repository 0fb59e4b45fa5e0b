"""Tests on a GPU, then training and inference of every task in figures: time of a step, samples a second, memory.

On a machine without a GPU it says so in one line and ends with 0. ``make gpu`` runs it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learning_functions.generate.generation import generate
from learning_functions.options import PRECISIONS
from learning_functions.runtime.tensorflow_setup import start_tensorflow
from learning_functions.task import Settings, Task, load_task, settings_of, task_names
from utility_functions.files.atomic_write import write_text
from utility_functions.files.manifest import find_cases

if TYPE_CHECKING:
    import keras

    from learning_functions.samples.store.sample_store import SampleStore

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs" / "results" / "gpu.md"
PRESETS = ("paper", "shipped")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEADINGS = (
    "task",
    "preset",
    "precision",
    "batch",
    "step, ms",
    "samples/s",
    "pipeline, samples/s",
    "peak, GB",
    "patches at once",
    "patches/s",
)


@dataclass(frozen=True)
class Figures:
    """One row of the table: training by whole steps, the sample pipeline alone, and inference.

    step_ms: of one training step on a batch in memory. pipeline: samples per second that reading, normalising and
    augmenting give. peak_gb: of the device while it trains; None where TensorFlow does not tell. at_once: patches of a
    batch in inference; patches: per second.
    """

    task: str
    preset: str
    precision: str
    batch: int
    step_ms: float
    pipeline: float
    peak_gb: float | None
    at_once: int
    patches: float

    def cells(self) -> tuple[str, ...]:
        return (
            self.task,
            f"`{self.preset}`",
            self.precision,
            str(self.batch),
            f"{self.step_ms:.1f}",
            f"{1000 * self.batch / self.step_ms:.1f}",
            f"{self.pipeline:.1f}",
            "-" if self.peak_gb is None else f"{self.peak_gb:.2f}",
            str(self.at_once),
            f"{self.patches:.1f}",
        )


def table(rows: Sequence[Figures]) -> str:
    """The rows in Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figures_of(settings: Settings, name: str, precision: str, device: str, steps: int, folder: Path) -> Figures:
    """Train ``steps`` steps and run ``steps`` batches of the task with these settings, on samples of phantoms.

    device: "gpu:0" or "cpu".
    """
    import keras
    import tensorflow as tf

    from learning_functions.inference.pass_memory import patches_at_once
    from learning_functions.inference.sliding_window import flexible
    from learning_functions.predict.precision import compute_in
    from learning_functions.runtime.inference_devices import inference_devices
    from learning_functions.samples.store.sample_store import open_store

    task = load_task(name)
    path = folder / f"{name}_{settings.preset}.h5"
    if not path.is_file():
        scans = max(2, -(-2 * settings.batch // settings.samples_per_scan))  # two batches of samples
        generate(name, find_cases(Path(f"phantom:{scans}:{phantoms_of(name)}:seed=1")), path, settings)
    store = open_store(path)
    [where] = inference_devices(device)
    with where.scope():
        batches = endless(store, settings)
        next(batches)  # traces
        pipeline = settings.batch * per_second(lambda: next(batches), steps, statistic=np.mean)
        network = compiled(task, settings, precision)
        batch = [tf.nest.map_structure(tf.identity, part) for part in next(batches)]
        network.train_on_batch(*batch)  # traces
        forget_peak(where.name)
        each = per_second(lambda: network.train_on_batch(*batch), steps)
        peak = peak_gb(where.name)
        keras.backend.clear_session()
        network = flexible(task.network(settings))
        compute_in(network, precision)
        network = task.network_for_inference(network)
        shape = tuple(batch[0].shape[1:])
        at_once = patches_at_once(network, shape[:-1], where, memory_gb=4.0, fastest=8)
        shown = np.zeros((at_once, *shape), np.float32)
        network.predict_on_batch(shown)  # traces
        patches = at_once * per_second(lambda: network.predict_on_batch(shown), steps)
    return Figures(name, settings.preset, precision, settings.batch, 1000 / each, pipeline, peak, at_once, patches)


def compiled(task: Task, settings: Settings, precision: str) -> keras.Model:
    """An untrained network of the task that computes in ``precision``, with its loss and optimiser."""
    import keras

    from learning_functions.training.fit import optimiser
    from losses_and_metrics.landmark_heatmap_loss import HeatmapLoss

    objective = task.objective(settings)
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        network = task.network(settings)
    finally:
        keras.config.set_dtype_policy("float32")
    if isinstance(objective.loss, HeatmapLoss):
        objective.loss.bind(network)
    rate = optimiser(settings.learning_rate, settings.weight_decay, settings.options.gradient_norm)
    network.compile(optimizer=rate, loss=objective.loss, jit_compile=False)
    return network


def phantoms_of(task: str) -> str:
    """The kind of phantoms that a task's samples are cut from."""
    return "usual:mr-t2" if task == "multiclass_mr" else "usual"


def endless(store: SampleStore, settings: Settings) -> Iterator[tuple[Any, ...]]:
    """The batches of a task's training, as its preset augments them, epoch after epoch."""
    from learning_functions.samples.augment.appearance import Appearance
    from learning_functions.samples.store.batches import epoch_batches

    task = load_task(store.task)
    kind = settings.options.augment
    augment = None if kind == "none" else task.augmentation(settings)
    if augment is not None and kind == "synth":
        augment = augment.with_appearance(Appearance.of(settings.spec, store.tissue_names, augment.spacing_mm))
    arrange = partial(task.arrange, settings=settings)
    for epoch, _ in enumerate(repeat(None)):
        yield from epoch_batches(
            store, settings.batch, epoch=epoch, seed=1, shuffle=True, augment=augment, arrange=arrange
        )


def per_second(work: Callable[[], object], times: int, statistic: Callable[[list[float]], Any] = np.median) -> float:
    """How often a second ``work`` is done, by the median, or another statistic, of ``times`` takes."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return 1 / max(float(statistic(seconds)), 1e-9)


def forget_peak(device: str) -> None:
    """Begin to measure the peak of a GPU's memory."""
    import tensorflow as tf

    if "GPU" in device:
        tf.config.experimental.reset_memory_stats(device.strip("/"))


def peak_gb(device: str) -> float | None:
    """The most memory that TensorFlow held on a GPU since ``forget_peak``; None for the processor."""
    import tensorflow as tf

    return tf.config.experimental.get_memory_info(device.strip("/"))["peak"] / 1e9 if "GPU" in device else None


def machine(device: str) -> str:
    """The device in words: the GPU's name, the processors, TensorFlow, the day."""
    import tensorflow as tf

    from utility_functions.command_line import usable_processors

    name = "the processor"
    if device != "cpu":
        gpu = tf.config.list_physical_devices("GPU")[int(device.removeprefix("gpu:"))]
        name = str(tf.config.experimental.get_device_details(gpu).get("device_name", device))
    day = datetime.datetime.now(tz=datetime.UTC).date()
    return f"{name}, {usable_processors()} processors, TensorFlow {tf.__version__}, {day}"


def written_into(page: str, told: str) -> str:
    """The page with what stands between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"


def tests_pass() -> bool:
    """Run the tests marked gpu, on the GPUs of this machine."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu"]
    return subprocess.run(command, cwd=HERE, env={**os.environ, "TEST_DEVICE": "gpu:0"}, check=False).returncode == 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments gpu_figures", description=__doc__)
    parser.add_argument("--device", default="gpu:0", help="gpu:N, or cpu to try the script (default: gpu:0)")
    parser.add_argument("--tasks", nargs="+", default=list(task_names()), choices=task_names(), metavar="TASK")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"], choices=PRECISIONS)
    parser.add_argument("--steps", type=int, default=30, help="of which the median is taken (default: 30)")
    parser.add_argument(
        "--output",
        type=Path,
        default=PAGE,
        help="the page to write the table into; a new one begins as that of the documents",
    )
    arguments = parser.parse_args(argv)
    start_tensorflow()
    import tensorflow as tf

    if arguments.device != "cpu":
        if not tf.config.list_physical_devices("GPU"):
            print("TensorFlow sees no GPU on this machine: nothing was run.")
            return 0
        if not tests_pass():
            print("Tests on the GPU failed: the table is not written.", file=sys.stderr)
            return 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.tasks:
            for preset in [each for each in PRESETS if each in load_task(name).presets]:
                for precision in arguments.precision:
                    settings = settings_of(load_task(name), preset)
                    rows.append(figures_of(settings, name, precision, arguments.device, arguments.steps, Path(folder)))
                    print(*rows[-1].cells(), sep="\t", flush=True)
    told = f"{machine(arguments.device)}: `make gpu`.\n\n{table(rows)}"
    page = arguments.output if arguments.output.is_file() else PAGE
    write_text(arguments.output, written_into(page.read_text(encoding="utf-8"), told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
