"""No output holds anything of a DICOM header but the place of the voxels: every text attribute is filled and sought."""

from __future__ import annotations

import gzip
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import spine_levels
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import load_task
from learning_functions.training.checkpoints import Progress
from learning_functions.training.planned_runs import planned
from learning_functions.training.run_record import card_of
from learning_functions.training.training_choices import Training
from learning_functions.training.training_inputs import check_inputs
from tests.filled_dicom import filled, words_in, write_series
from tests.oracle import oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.files.annotations import write_lml
from utility_functions.files.atomic_write import write_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.data_split import Fold
from utility_functions.files.dicom_source import OWNERS, REFERENCES
from utility_functions.files.images import read_grid, read_image, write_image
from utility_functions.files.patient_pseudonyms import KEY_FILE, name_in_memory
from utility_functions.files.scan_list import write_scan_list

PATIENTS = ("1", "2")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, frozenset[str]]:
    """A series of each patient with its landmarks, and all words of their headers."""
    folder, words = tmp_path_factory.mktemp("series"), set()
    for patient in PATIENTS:
        words |= write_series(folder / f"scan{patient}", oracle_scan(4.0, shape=(18, 22, 40)), patient)
        write_lml(oracle_landmarks(), folder / f"scan{patient}.lml", read_grid(folder / f"scan{patient}"))
    return folder, frozenset(words)


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is compressed in it: gzip, zip, zlib text of PNG, attributes and values of HDF5."""
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:8] == PNG:
        yield from (zlib.decompress(text) for text in compressed_texts(content))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            found: list[bytes] = [repr(dict(file.attrs)).encode()]
            file.visititems(lambda name, item: found.extend(values_of(name, item)))
        yield from found


def compressed_texts(png: bytes) -> Iterator[bytes]:
    place = len(PNG)
    while place < len(png):
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        chunk = png[place + 8 : place + 8 + length]
        if kind == b"zTXt":
            yield chunk.split(b"\0", 1)[1][1:]
        elif kind == b"iTXt" and chunk.split(b"\0", 1)[1][:1] == b"\1":
            yield chunk.split(b"\0", 1)[1][2:].split(b"\0", 2)[2]
        place += 12 + length


def values_of(name: str, item: h5py.Dataset | h5py.Group) -> list[bytes]:
    texts = [name.encode(), repr(dict(item.attrs)).encode()]
    if isinstance(item, h5py.Dataset):
        values = np.asarray(item[()])
        texts.append(repr(values.tolist()).encode() if values.dtype.kind in "OSU" else values.tobytes())
    return texts


def leaks(folder: Path, words: frozenset[str]) -> list[str]:
    """Files below a folder, and words that stand in their names or contents."""
    found = []
    for path in sorted(folder.rglob("*")):
        for content in [path.name.encode(), *(contents(path) if path.is_file() else ())]:
            found += [f"{path.relative_to(folder)}: {word}" for word in words_in(content, words)]
    return found


def hashes() -> frozenset[str]:
    """What stands for the patients in memory, and the pseudonyms of version 0.1.0."""
    whole = [name_in_memory(filled(patient)[0].PatientID) for patient in PATIENTS]
    return frozenset(text.removeprefix("dicom:")[:12] for text in whole)


def test_the_search_finds_every_word_in_the_files_of_the_headers(
    series: tuple[Path, frozenset[str]], tmp_path: Path
) -> None:
    folder, words = series
    assert len(words) > 3600
    found = set().union(*(words_in(path.read_bytes(), words) for path in folder.rglob("000.dcm")))
    assert found == words
    word = filled("1")[0].PatientName
    (tmp_path / "a.gz").write_bytes(gzip.compress(f"x{word}y".encode()))
    with zipfile.ZipFile(tmp_path / "b.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c.json", f"x{word}y")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_dataset("e/f", data=np.frombuffer(f"{word}".encode(), np.uint8), compression="gzip")
        file["e"].attrs["g"] = str(word)
    text = b"tEXtkey\0\0" + zlib.compress(str(word).encode())
    (tmp_path / "h.png").write_bytes(
        PNG + (len(text) - 4).to_bytes(4, "big") + text.replace(b"tEXt", b"zTXt") + b"0000"
    )
    assert {line.split(":")[0] for line in leaks(tmp_path, words)} == {"a.gz", "b.keras", "d.h5", "h.png"}


def test_samples_cards_lists_of_scans_and_images_hold_nothing_of_the_headers(
    run: Run, series: tuple[Path, frozenset[str]], tmp_path: Path
) -> None:
    folder, words = series
    options = ("--preset", "small", "--spacing", 4, "--samples-per-scan", 2, "--workers", 1)
    outcome = run("generate_samples", "detection", folder, tmp_path / "all.h5", *options)
    assert outcome.code == 0, outcome.err
    fold = Fold(0, 2)
    [planned_run] = planned((tmp_path / "all.h5", None, tmp_path / "m.h5"), [fold], folder)
    write_scan_list(planned_run.held_out, planned_run.scan_list, "validation")
    stores = check_inputs(tmp_path / "all.h5", fold, tmp_path / "m.h5")
    settings = settings_from_samples(load_task("detection"), stores[0].settings)
    progress = Progress({}, epochs=1, best_epoch=1, best=0.5, history=[{"loss": 0.5, "seconds": 1.0}])
    card = card_of(stores[0], settings, Training(seed=1), progress, stores[1], fold)
    write_json(tmp_path / "card.json", card)
    image = read_image(folder / "scan1")
    for suffix in (".nii.gz", ".nrrd", ".mha", ".mhd"):
        write_image(image, tmp_path / f"image{suffix}")
    assert "patient-" in json.dumps(card["training"]["held_out"])
    secret = (tmp_path / KEY_FILE).read_text().strip()
    assert leaks(tmp_path, words) == [] and words_in(outcome.out.encode() + outcome.err.encode(), words) == set()
    for path in tmp_path.iterdir():
        for content in contents(path):
            assert not [text for text in hashes() if text.encode() in content]
            assert path.name == KEY_FILE or secret.encode() not in content


def test_a_trained_model_its_logs_and_the_results_of_measuring_hold_nothing_of_the_headers(
    run: Run, series: tuple[Path, frozenset[str]], oracles: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With truth, pictures, intermediate results, a report, debug messages, and by the facade, too."""
    folder, words = series
    options = ("--preset", "small", "--spacing", 4, "--samples-per-scan", 2, "--workers", 1, "--seed")
    trained, messages = ("--filters", 2, "--epochs", 1, "--device", "cpu"), []
    with caplog.at_level(logging.DEBUG):
        for command in (
            *(
                ("generate_samples", "detection", folder / f"scan{n}", tmp_path / f"{part}.h5", *options, n)
                for part, n in (("training", 1), ("validation", 2))
            ),
            ("train", tmp_path / "training.h5", tmp_path / "validation.h5", tmp_path / "m.h5", *trained),
            ("measure", folder, *oracles, "--output", tmp_path / "results", "--save-intermediate", "--debug"),
        ):
            outcome = run(*command)
            assert outcome.code == 0, outcome.err
            messages += [outcome.out, outcome.err]
        spine_levels.segment(folder / "scan1", oracles).save(tmp_path / "facade")
    written = {path.suffix for path in tmp_path.rglob("*")}
    assert written >= {".h5", ".keras", ".json", ".csv", ".png", ".gz", ".html"}, written
    assert leaks(tmp_path, words) == []
    assert words_in("".join([*messages, caplog.text]).encode(), words) == set()


def test_dicom_objects_hold_owners_and_references_alone_and_other_results_nothing(
    run: Run,
    series: tuple[Path, frozenset[str]],
    oracles: list[Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    folder, words = series
    with caplog.at_level(logging.DEBUG):
        outcome = run("measure", folder, *oracles, "--output", tmp_path / "out", "--dicom", "seg,sr", "--debug")
    assert outcome.code == 0, outcome.err
    spine_levels.segment(folder / "scan1", oracles, dicom="seg,sr").save(tmp_path / "facade")
    told = "".join([outcome.out, outcome.err, caplog.text, *(str(each.message) for each in recwarn)])
    assert words_in(told.encode(), words) == set()
    found = leaks(tmp_path, words)
    assert {line.split(": ")[0] for line in found} == {
        f"{place}_{kind}.dcm" for place in ("out/scan1", "out/scan2", "facade/scan1") for kind in ("seg", "sr")
    }
    for number in PATIENTS:
        header, own = filled(number)
        asked = [header[name].value for name in (*OWNERS, *REFERENCES, "SliceThickness") if name in header]
        allowed = {word for word in own if any(str(value).startswith(word) for value in asked)}
        for kind in ("seg", "sr"):
            content = (tmp_path / "out" / f"scan{number}_{kind}.dcm").read_bytes()
            assert words_in(content, own) <= allowed and len(allowed) < 25
            assert str(header.PatientName).encode() in content


CHANGES = {
    "a place that is no number": {"ImagePositionPatient": "1111111111\\2\\3"},
    "another direction": {"ImageOrientationPatient": "1\\0\\0\\0\\1"},
    "no place": {"ImagePositionPatient": ""},
    "a colour image": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    "a scout": {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"},
    "several frames": {"NumberOfFrames": 80},
}


@pytest.mark.parametrize("what", [*CHANGES, "two series", "a slice is missing", "cut short"])
def test_no_error_and_no_warning_quotes_the_header(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    scan = oracle_scan(8.0, shape=(8, 8, 12))
    words = write_series(tmp_path / "scan", scan, "1", **CHANGES.get(what, {}))
    if what == "two series":
        words |= write_series(tmp_path / "more", scan, "2")
        for path in (tmp_path / "more").iterdir():
            path.rename(tmp_path / "scan" / f"more{path.name}")
    elif what == "a place that is no number":
        words |= {"ZQ00200032"}
        for path in (tmp_path / "scan").iterdir():
            path.write_bytes(path.read_bytes().replace(b"1111111111\\2\\3", b"ZQ00200032\\2\\3"))
    elif what == "a slice is missing":
        (tmp_path / "scan" / "005.dcm").unlink()
    elif what == "cut short":
        path = tmp_path / "scan" / "000.dcm"
        path.write_bytes(path.read_bytes()[:-200])
    with caplog.at_level(logging.DEBUG), pytest.raises(BrokenFile) as refused:
        read_image(tmp_path / "scan")
    messages = "".join([str(refused.value), caplog.text, *capfd.readouterr()])
    assert words_in(messages.encode(), words) == set(), messages
