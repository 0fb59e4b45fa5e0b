"""Hostile files, each read as the scripts read it: refused before anything runs, within 5 s and 1 GB."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hardening.dicom_series import write_series
from hardening.entry_points import read_scan, read_series
from hardening.hostile_models import hostile_contents, pickled, write_hostile_checkpoints, write_hostile_models
from hardening.tiny_inputs import coarse_phantom, tiny_settings, write_case
from learning_functions.generate.generation import generate
from learning_functions.samples.store.sample_store import open_store
from learning_functions.training.planned_runs import planned
from utility_functions.command_line import one_line
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.probability_files import read_probabilities

MOST_SECONDS, MOST_BYTES = 5.0, 2**30
SECONDS_TO_END = 60.0
REFUSED = "refused"


@dataclass(frozen=True)
class HostileOutcome:
    """What became of one hostile file: ``what`` is REFUSED with its sentence, or the fault."""

    name: str
    refused: bool
    what: str
    seconds: float
    peak: int


def draw_hostile(
    folder: Path, tell: Callable[[str], None] = lambda text: None, keras: bool = True
) -> list[HostileOutcome]:
    """The outcomes of all hostile files, read in a process of their own that is replaced where it crashes or hangs.

    keras: models and checkpoints, too.
    """
    context = multiprocessing.get_context("spawn")
    outcomes: list[HostileOutcome] = []
    total = 1
    while len(outcomes) < total:
        ours, theirs = context.Pipe()
        place = Path(tempfile.mkdtemp(dir=folder))
        process = context.Process(target=_serve, args=(theirs, place, keras, len(outcomes)), daemon=True)
        process.start()
        theirs.close()
        name = "?"
        try:
            while len(outcomes) < total:
                if not ours.poll(SECONDS_TO_END * (5 if name == "?" else 1)):
                    raise TimeoutError
                kind, value = ours.recv()
                if kind == "begin":
                    total, name = value
                else:
                    outcomes.append(value)
        except (EOFError, TimeoutError) as error:
            process.kill()
            process.join()
            what = "hang" if isinstance(error, TimeoutError) else f"crash: the process ended with {process.exitcode}"
            if name == "?":
                raise RuntimeError(f"The hostile files could not be made: {what}.") from error
            outcomes.append(HostileOutcome(name, False, what, SECONDS_TO_END, 0))
        if outcomes and not outcomes[-1].refused:
            tell(f"{outcomes[-1].name}: {outcomes[-1].what}")
        process.kill()
        process.join()
        shutil.rmtree(place, ignore_errors=True)
    for one in outcomes:
        if not one.refused:
            tell(f"{one.name}: {one.what}")
    return outcomes


def _serve(pipe: Any, folder: Path, keras: bool, skip: int) -> None:
    """Make all hostile files and read those from number ``skip`` on, one after another."""
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    canary = folder / "canary"
    files = list(hostile_files(folder, canary, keras))
    for number, (name, read) in enumerate(files):
        if number < skip:
            continue
        pipe.send(("begin", (len(files), name)))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            outcome = _outcome(name, read, canary)
        pipe.send(("end", outcome))


def _outcome(name: str, read: Callable[[], object], canary: Path) -> HostileOutcome:
    from hardening.reading_process import peak_bytes, reset_peak

    held, started = reset_peak(), time.perf_counter()
    try:
        read()
        refused, what = False, "it was read"
    except (ValueError, OSError) as error:
        refused, what = True, one_line(error)
    except Exception as error:  # noqa: BLE001 - every other error is a fault
        refused, what = False, f"{type(error).__name__}: {one_line(error)}"
    seconds, peak = time.perf_counter() - started, max(peak_bytes() - held, 0)
    if canary.exists():
        canary.unlink()
        refused, what = False, f"IT RAN; {what}"
    elif refused and (seconds > MOST_SECONDS or peak > MOST_BYTES):
        refused, what = False, f"refused only after {seconds:.1f} s and {peak / 2**30:.2f} GB: {what}"
    return HostileOutcome(name, refused, what, seconds, peak)


def hostile_files(folder: Path, canary: Path, keras: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each hostile file by its name, with the function that reads it."""
    yield from _samples(folder / "samples", canary)
    yield from _others(folder / "others", canary)
    if keras:
        yield from _models(folder / "models", canary)


def _models(folder: Path, canary: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    from hardening.tiny_models import write_checkpoints, write_models
    from learning_functions.model_files.checkpoint_file import load_checkpoint
    from learning_functions.model_files.model_file import load_model

    sound = write_models(folder / "sound")[0]
    (folder / "h5").mkdir()
    for name, path in write_hostile_models(sound, folder / "h5", canary):
        yield name, lambda path=path: load_model(path)  # type: ignore[misc]
    model = write_checkpoints(folder / "training")
    checkpoint = sorted(model.with_suffix(".training").glob("*.keras"))[-1]
    load_checkpoint(checkpoint)
    (folder / "keras").mkdir()
    for name, path in write_hostile_checkpoints(checkpoint, folder / "keras", canary):
        yield name, lambda path=path: load_checkpoint(path)  # type: ignore[misc]


def _samples(folder: Path, canary: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Sample files whose inputs lie elsewhere or claim too much, and whose settings ask for endless networks."""
    sound = folder / "sound.h5"
    case = write_case(folder / "scans", coarse_phantom())
    with contextlib.redirect_stderr(io.StringIO()):
        generate("detection", [case], sound, tiny_settings("detection"), workers=1)

    def opened(path: Path) -> object:
        store = open_store(path)
        return planned((path, sound, folder / "model.h5")), store.first_of_each_scan()

    changes = dict(hostile_contents(canary))

    def settings(**values: object) -> Callable[[h5py.File], None]:
        def change(file: h5py.File) -> None:
            import json

            tree = json.loads(file.attrs["settings"])
            tree.update(values)
            file.attrs["settings"] = json.dumps(tree)

        return change

    changes["filters without measure"] = settings(filters=10**9)
    changes["levels without measure"] = settings(levels=10**6)
    changes["options that are a class"] = settings(options={"class_name": "system", "module": "os"})
    changes["a pickle as header"] = lambda file: file.attrs.__setitem__("settings", np.void(pickled(canary)))
    changes["a patch of a terabyte"] = lambda file: _replaced(file, "inputs", (3, 10**4, 10**4, 10**4, 1))
    changes["a trillion samples"] = lambda file: _replaced(file, "case", (10**12,))
    for number, (name, change) in enumerate(changes.items()):
        path = folder / f"{number}.h5"
        path.write_bytes(sound.read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
        yield f"samples: {name}", lambda path=path: opened(path)  # type: ignore[misc]


def _replaced(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    kind = file[name].dtype
    del file[name]
    file.create_dataset(name, shape, kind, chunks=tuple(min(size, 10) for size in shape), compression="gzip")


def _others(folder: Path, canary: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    folder.mkdir(parents=True)
    made = coarse_phantom()
    np.savez(folder / "a.npz", probabilities=np.array([{"x": canary}], object), generator="x")
    yield "probabilities that are pickled", lambda: read_probabilities(folder / "a.npz")
    (folder / "deep.json").write_text("[" * 10**6 + "]" * 10**6)
    yield "JSON of a million brackets", lambda: read_landmarks(folder / "deep.json", made.volume.grid)
    for suffix, text in ((".mhd", META), (".nrrd", NRRD)):
        for name, size in (
            ("/dev/zero", "14 18 34"),
            ("nothing", "100000 100000 100000"),
            ("small.raw", "2000 2000 900"),
        ):
            path = folder / f"{name.strip('/').replace('/', '_')}{suffix}"
            path.write_text(text.format(name=name, size=size))
            if name != "/dev/zero":
                yield f"voxels of {path.name}", lambda path=path: read_scan(folder, path.name)  # type: ignore[misc]
    (folder / "small.raw").write_bytes(b"x" * 100)
    series = folder / "series"
    files = write_series(series, made.volume)
    dataset = dcmread(files[3])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.ImageComments = "x"
    held = io.BytesIO()
    dcmwrite(held, dataset, enforce_file_format=True)
    start = held.getvalue()[: held.getvalue().index(b"1.2.840.10008.1.2.1.99") + 22]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(b"\0" * 2**26) for _ in range(8)) + packer.flush()
    files[3].write_bytes(start + bomb)
    yield "DICOM that inflates to 0.5 GB", lambda: read_series(folder, "series/0000.dcm")
    claiming = folder / "claiming"
    for path in write_series(claiming, made.volume):
        dataset = dcmread(path)
        dataset.Rows = dataset.Columns = 65535
        dcmwrite(path, dataset)
    yield "DICOM of 65,535 x 65,535 pixels", lambda: read_series(folder, "claiming/0000.dcm")


META = """ObjectType = Image
NDims = 3
BinaryData = True
CompressedData = True
ElementSpacing = 1 1 1
DimSize = {size}
ElementType = MET_SHORT
ElementDataFile = {name}
"""
NRRD = """NRRD0004
type: short
dimension: 3
space: left-posterior-superior
sizes: {size}
space directions: (1,0,0) (0,1,0) (0,0,1)
kinds: domain domain domain
endian: little
encoding: gzip
space origin: (0,0,0)
data file: {name}

"""
